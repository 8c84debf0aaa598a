/* What belongs to the whole page: light and dark, the tour strip, and a few keys.
   The choices live in this browser's own storage; nothing is sent anywhere. */
(() => {
  const THEME = "itr-theme";
  const TOUR = "itr-tour";
  const STEPS = {
    example: "#examples .itr-card-main",
    graph: "#tab-graph-button, [aria-controls='tab-graph']",
    ask: "#chat-input .submit-button, #chat-examples [data-example], #predict-result",
    distill: "#distill-start",
    compare: "#compare-run",
  };

  function stored(key) {
    try {
      return window.localStorage.getItem(key);
    } catch (refused) {
      return null;
    }
  }

  function keep(key, value) {
    try {
      window.localStorage.setItem(key, value);
    } catch (refused) {
      /* a browser that stores nothing forgets the choice when the page is closed */
    }
  }

  function applyTheme() {
    const asked = new URLSearchParams(window.location.search).get("__theme");
    const chosen = stored(THEME);
    if (!asked && chosen) document.body.classList.toggle("dark", chosen === "dark");
    nameTheme();
  }

  function nameTheme() {
    const button = document.querySelector("#theme-toggle");
    if (!button) return;
    const dark = document.body.classList.contains("dark");
    button.setAttribute("aria-label", dark ? "Switch to the light theme" : "Switch to the dark theme");
    button.title = button.getAttribute("aria-label");
  }

  function switchTheme() {
    const dark = document.body.classList.toggle("dark");
    keep(THEME, dark ? "dark" : "light");
    nameTheme();
  }

  function tour() {
    try {
      return JSON.parse(stored(TOUR) || "{}") || {};
    } catch (broken) {
      return {};
    }
  }

  function drawTour() {
    const strip = document.querySelector("#tour");
    if (!strip) return;
    const state = tour();
    strip.classList.toggle("itr-tour-open", !state.dismissed);
    strip.querySelectorAll("[data-step]").forEach((step) => {
      const done = Boolean(state[step.dataset.step]);
      step.classList.toggle("itr-done", done);
      const tick = step.querySelector(".itr-tick");
      tick.textContent = done ? "✓" : step.dataset.number;
      step.setAttribute("aria-label", `${step.dataset.words}${done ? ", done" : ""}`);
    });
  }

  function mark(changes) {
    keep(TOUR, JSON.stringify({ ...tour(), ...changes }));
    drawTour();
  }

  function openTab(name) {
    const order = ["triplets", "graph", "chat", "distill", "compare"];
    const tabs = document.querySelectorAll("#tabs button[role='tab']");
    const wanted = Array.from(tabs).find(
      (tab) => (tab.getAttribute("aria-controls") || tab.id || "").includes(`tab-${name}`),
    );
    const button = wanted || tabs[order.indexOf(name)];
    if (button) button.click();
  }

  document.addEventListener("click", (press) => {
    const target = press.target;
    if (!(target instanceof Element)) return;
    if (target.closest("#theme-toggle")) switchTheme();
    if (target.closest("#tour .itr-dismiss")) mark({ dismissed: true });
    const step = target.closest("#tour [data-step]");
    if (step) openTab(step.dataset.tab);
    Object.entries(STEPS).forEach(([name, selector]) => {
      if (target.closest(selector)) mark({ [name]: true });
    });
  });

  document.addEventListener("keydown", (press) => {
    const target = press.target;
    const typing = target instanceof Element && target.closest("input, textarea, [contenteditable]");
    if (press.key === "Enter" && !press.shiftKey && typing && typing.closest("#chat-input")) {
      mark({ ask: true });
    }
    if (press.key === "Escape") {
      const close = document.querySelector("#switcher-close");
      if (close && close.offsetParent) close.click();
    }
    if (press.key !== "/" || typing || press.ctrlKey || press.metaKey) return;
    const search = document.querySelector("#graph-search textarea, #graph-search input");
    if (search && search.offsetParent) {
      press.preventDefault();
      search.focus();
    }
  });

  function start() {
    applyTheme();
    drawTour();
  }

  const wait = window.setInterval(() => {
    if (!document.querySelector("#tour [data-step]")) return;
    window.clearInterval(wait);
    start();
  }, 50);
})();
