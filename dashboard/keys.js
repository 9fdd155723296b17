// Keyboard (`/` to search, arrows between proposals) and links that keep the session instead of loading the page anew.
(() => {
  if (window.polyphonieKeys) return;
  window.polyphonieKeys = true;
  const follow = (link) => {
    history.pushState({}, "", link.href);
    window.dispatchEvent(new PopStateEvent("popstate"));
    document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-soft]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    follow(link);
  });
  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest?.("input, textarea, select, [contenteditable], [role=radiogroup], [role=listbox]");
    if (busy || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      const field = document.querySelector("input[aria-label='Requête']");
      if (field) field.focus();
      else document.querySelector("a[data-key='/']")?.click();
      return;
    }
    document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`)?.click();
  });
})();
