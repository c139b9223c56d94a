// @ts-check
/* <lastscan-track number="LS473124829NL" language="en"> on a shop's page: what the number alone shows, in a shadow root
   of its own. The attributes brand, text, ground, good, warn and bad give it the shop's colours, all six or none, each
   to be read at 4.5 to 1 on the ground. Where nothing comes, as for a shop that is not on the operator's list, it shows
   the frame instead. */
(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const home = new URL(script.src, location.href).origin;
  const tokens = ["brand", "text", "ground", "good", "warn", "bad"];
  const again = 60_000; // ms: how often to ask while the page is looked at
  const look = `
    :host { display: block; --brand: #2536c4; --text: #141a2e; --ground: #fff; --good: #0a6b43; --warn: #8a4f00; --bad: #b3202b; }
    section { background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; padding: 1rem; overflow-wrap: anywhere; }
    h2, p, ol { margin: 0 0 .5rem; padding: 0; } h2 { font-size: 1.25rem; line-height: 1.25; }
    .small { font-size: .875rem; } .verdict { font-weight: 600; }
    .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
    ol { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; font-size: .875rem; }
    li::before { content: "○ "; } li.done::before { content: "● "; } li.now::before { content: "◉ "; } li.now { font-weight: 700; }
    a { color: var(--brand); display: inline-block; min-height: 1.5rem; } a:focus-visible { outline: 3px solid; outline-offset: 2px; }
    iframe { border: 0; width: 100%; height: 16rem; }`;

  /** @param {string} colour  six hexadecimal digits */
  const luminance = (colour) => {
    const parts = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  /** @param {string} one  @param {string} other */
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  class LastscanTrack extends HTMLElement {
    static observedAttributes = ["number", "language", ...tokens];

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(look);
      this.own = new CSSStyleSheet();
      this.root = this.attachShadow({ mode: "open" });
      this.root.adoptedStyleSheets = [sheet, this.own];
      /** @type {number | undefined} */
      this.timer = undefined;
    }

    connectedCallback() {
      this.timer = setInterval(() => document.hidden || this.draw(), again);
      this.draw();
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    attributeChangedCallback() {
      if (this.isConnected) this.draw();
    }

    get path() {
      return `${home}/embed/${encodeURIComponent(this.getAttribute("number") ?? "-")}`;
    }

    /** The shop's six colours without their #; null unless all are there and can be read. */
    get colours() {
      const given = Object.fromEntries(tokens.map((token) => [token, (this.getAttribute(token) ?? "").replace("#", "").toLowerCase()]));
      if (!Object.values(given).some(Boolean)) return null;
      const bad = tokens.find((token) => !/^[0-9a-f]{6}$/.test(given[token])) ?? tokens.find((token) => token !== "ground" && contrast(given[token], given.ground) < 4.5);
      if (bad) console.warn(`lastscan-track: the colour ${bad} cannot be read on its ground or is missing; ours are shown`);
      return bad ? null : given;
    }

    async draw() {
      const query = new URLSearchParams(this.hasAttribute("language") ? { lang: this.getAttribute("language") ?? "" } : {});
      const colours = this.colours;
      this.own.replaceSync(colours ? `:host { ${tokens.map((token) => `--${token}: #${colours[token]}`).join("; ")} }` : "");
      try {
        const answer = await fetch(`${this.path}/view?${query}`, { credentials: "omit", referrerPolicy: "no-referrer" });
        if (!answer.ok) throw new Error(String(answer.status));
        this.show(await answer.json());
      } catch {
        if (!this.root.querySelector("section")) this.frame(new URLSearchParams({ ...Object.fromEntries(query), ...colours }));
      }
    }

    /** @param {URLSearchParams} query */
    frame(query) {
      const frame = document.createElement("iframe");
      frame.src = `${this.path}?${query}`;
      frame.title = this.getAttribute("number") ?? "";
      frame.referrerPolicy = "no-referrer";
      this.root.replaceChildren(frame);
    }

    /** @param {any} piece */
    show(piece) {
      const section = document.createElement("section");
      section.lang = piece.language;
      /** @param {string} tag  @param {string} text  @param {string} [kind] */
      const add = (tag, text, kind) => {
        const made = document.createElement(tag);
        made.textContent = text;
        if (kind) made.className = kind;
        section.append(made);
        return made;
      };
      add("p", piece.number, "small");
      add("h2", piece.headline);
      if (piece.window) add("p", `${piece.window_label}: ${piece.window}`);
      if (piece.verdict) add("p", piece.verdict, `verdict ${piece.tone}`);
      const steps = add("ol", "");
      for (const step of piece.steps) {
        const line = document.createElement("li");
        line.textContent = step.label;
        line.className = step.state;
        if (step.state === "now") line.setAttribute("aria-current", "step");
        steps.append(line);
      }
      const link = document.createElement("a");
      [link.href, link.target, link.rel, link.textContent] = [piece.page, "_blank", "noopener noreferrer", piece.more];
      section.append(link);
      this.root.replaceChildren(section);
    }
  }

  if (!customElements.get("lastscan-track")) customElements.define("lastscan-track", LastscanTrack);
})();
