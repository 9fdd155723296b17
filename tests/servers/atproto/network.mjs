// A real atproto network on this machine: the directory, a server with accounts, its firehose; a Jetstream of that
// firehose; and what a test asks for, posted as JSON to /do. Says where it is in one line, and ends with its input.
import { createRequire } from 'node:module'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

// The packages lie where they were installed, not beside this file.
const near = createRequire(path.join(process.argv[2], 'package.json'))
const load = (name) => import(pathToFileURL(near.resolve(name)).href)
const { TestNetworkNoAppView } = await load('@atproto/dev-env')
const { Firehose } = await load('@atproto/sync')
const { IdResolver } = await load('@atproto/identity')
const { lexToJson } = await load('@atproto/lex-json')
const { default: ws } = await load('ws')

const V2 = 'network.bsky.jetstream.subscribeEvents'
const SEQUENCES_END = 1e15
const PROFILE = 'app.bsky.actor.profile'

const network = await TestNetworkNoAppView.create({})
const seeds = network.getSeedClient()
const pds = network.pds.url

// ---- the Jetstream ----
const events = []
let lastUs = 0

function hear(event) {
  lastUs = Math.max(lastUs + 1, Date.now() * 1000)
  const told = { did: event.did, time_us: lastUs, kind: event.event }
  if (['create', 'update', 'delete'].includes(event.event)) {
    told.kind = 'commit'
    told.commit = { rev: event.rev, operation: event.event, collection: event.collection, rkey: event.rkey }
    if (event.record) Object.assign(told.commit, { record: lexToJson(event.record), cid: event.cid.toString() })
  } else if (event.event === 'account') {
    told.account = { active: event.active, did: event.did, seq: event.seq, time: event.time }
    if (event.status) told.account.status = event.status
  } else if (event.event === 'identity') {
    told.identity = { did: event.did, handle: event.handle, seq: event.seq, time: event.time }
  } else {
    told.sync = { did: event.did, rev: event.rev, seq: event.seq, time: event.time }
  }
  events.push(told)
}

function framed(event, seq, v2) {
  if (!v2) return event.kind === 'sync' ? null : JSON.stringify(event)
  const second = new Date(Math.floor(event.time_us / 1e6) * 1000).toISOString().slice(0, 19)
  const time = `${second}.${String(event.time_us % 1e6).padStart(6, '0')}Z`
  const part = event.kind === 'commit' ? event.commit : { [event.kind]: event[event.kind] }
  const payload = { $type: `${V2}#${event.kind}`, seq, did: event.did, time, ...part }
  return JSON.stringify({ $type: 'message', payload })
}

function first(cursor) {
  if (cursor === null) return events.length
  if (Number(cursor) < SEQUENCES_END) return Math.max(0, Number(cursor) - 1)
  const found = events.findIndex((event) => event.time_us >= Number(cursor))
  return found < 0 ? events.length : found
}

function serve(socket, request) {
  const url = new URL(request.url, 'http://x')
  const v2 = url.pathname.endsWith(V2)
  const wanted = url.searchParams.getAll(v2 ? 'collections' : 'wantedCollections')
  let at = first(url.searchParams.get('cursor'))
  const send = () => {
    for (; at < events.length; at++) {
      const event = events[at]
      if (event.kind === 'commit' && wanted.length && !wanted.includes(event.commit.collection)) continue
      const frame = framed(event, at + 1, v2)
      if (frame) socket.send(frame)
    }
  }
  const timer = setInterval(send, 10)
  socket.on('close', () => clearInterval(timer))
}

const firehose = new Firehose({
  idResolver: new IdResolver({ plcUrl: network.plc.url }),
  service: pds.replace('http', 'ws'),
  getCursor: () => 0,
  unauthenticatedCommits: true,
  unauthenticatedHandles: false,
  handleEvent: hear,
  onError: (error) => console.error(error.name),
})
firehose.start()

// ---- the AppView: only whose profile says what ----
async function profile(did) {
  const described = await fetch(`${pds}/xrpc/com.atproto.repo.describeRepo?repo=${did}`)
  if (!described.ok) return []
  const { handle } = await described.json()
  const found = await fetch(`${pds}/xrpc/com.atproto.repo.getRecord?repo=${did}&collection=${PROFILE}&rkey=self`)
  const values = found.ok ? ((await found.json()).value.labels?.values ?? []) : []
  return [{ did, handle, labels: values.map(({ val }) => ({ src: did, uri: did, val })) }]
}

// ---- what a test asks for, through the real API ----
async function call(method, body, headers) {
  const answer = await fetch(`${pds}/xrpc/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`)
  return (await answer.text()) || '{}'
}

const own = (who) => seeds.getHeaders(seeds.dids[who])
const verbs = {
  async account({ who }) {
    await seeds.createAccount(who, { handle: `${who}.test`, email: `${who}@example.test`, password: 'secret' })
    return JSON.stringify({ did: seeds.dids[who] })
  },
  create: ({ who, collection, record }) =>
    call('com.atproto.repo.createRecord', { repo: seeds.dids[who], collection, record }, own(who)),
  put: ({ who, collection, rkey, record }) =>
    call('com.atproto.repo.putRecord', { repo: seeds.dids[who], collection, rkey, record }, own(who)),
  delete: ({ who, collection, rkey }) =>
    call('com.atproto.repo.deleteRecord', { repo: seeds.dids[who], collection, rkey }, own(who)),
  deactivate: ({ who }) => call('com.atproto.server.deactivateAccount', {}, own(who)),
  close: ({ who }) =>
    call('com.atproto.admin.deleteAccount', { did: seeds.dids[who] }, network.pds.adminAuthHeaders()),
}

async function answer(request) {
  const url = new URL(request.url, 'http://x')
  if (url.pathname === '/xrpc/app.bsky.actor.getProfiles') {
    const found = await Promise.all(url.searchParams.getAll('actors').map(profile))
    return [200, JSON.stringify({ profiles: found.flat() })]
  }
  if (url.pathname !== '/do') return [404, '{}']
  let body = ''
  for await (const part of request) body += part
  const { verb, ...asked } = JSON.parse(body)
  return [200, await verbs[verb](asked)]
}

const server = http.createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [500, JSON.stringify({ error: error.message })])
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
})
new ws.WebSocketServer({ server, perMessageDeflate: false }).on('connection', serve)
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: server.address().port, pds, plc: network.plc.url }))
})

process.stdin.on('end', () => process.exit(0)).resume()
