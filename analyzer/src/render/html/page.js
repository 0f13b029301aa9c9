// @ts-check
"use strict";
/**
 * What the table cannot do by itself: folding, search, filters, and the way behind a cell.
 * All text goes into the page as text (`textContent`), never as markup.
 *
 * @typedef {[name: number, file: number, cell: number, row: number, next: number | null]} Way
 * @typedef {[column: number, when: 0 | 1, direct: 0 | 1, way: number | null, count: number]} Entry
 * @typedef {[cell: number, row: number, text: string]} Line
 * @typedef {{columns: string[], files: string[], names: string[], ways: Way[], entries: Entry[],
 *   lines: Line[][]}} Data
 * @typedef {{row: HTMLTableRowElement, text: string, entries: number[]}} Row
 * @typedef {{head: Row, body: HTMLTableSectionElement | null, fold: HTMLButtonElement | null,
 *   modules: Row[]}} Package
 */
(() => {
  /** @type {(id: string) => any} */
  const element = (id) => document.getElementById(id);
  /** @type {Data} */
  const data = JSON.parse(element("data").textContent);
  /** @type {HTMLTableElement} */
  const table = element("matrix");
  const [main, detail, search, direct, steps] = ["main", "#detail", "#search", "#direct", "#steps"]
    .map((selector) => /** @type {any} */ (document.querySelector(selector)));
  const number = new Intl.NumberFormat("en");
  document.documentElement.classList.add("js");

  // ---- rows --------------------------------------------------------------------------------

  /** @type {(row: HTMLTableRowElement) => HTMLButtonElement[]} */
  const buttons = (row) => Array.from(row.querySelectorAll("button"));
  /** @type {(row: HTMLTableRowElement) => string} */
  const nameOf = (row) => row.cells[0].querySelector(".fold, span")?.textContent ?? "";
  /** @type {(row: HTMLTableRowElement) => Row} */
  const readRow = (row) => {
    const entries = [];
    for (const button of buttons(row)) {
      button.tabIndex = -1;
      if (button.dataset.e) entries.push(Number(button.dataset.e));
    }
    return { row, text: `${nameOf(row)}\n${row.cells[0].title}`.toLowerCase(), entries };
  };
  /** @type {Package[]} */
  const packages = [];
  for (const body of Array.from(table.tBodies)) {
    const rows = Array.from(body.rows).filter((row) => row.cells[0].tagName === "TH");
    if (body.classList.contains("modules")) {
      const last = packages[packages.length - 1];
      last.body = body;
      last.modules = rows.map(readRow);
    } else if (rows.length > 0) {
      const fold = /** @type {HTMLButtonElement | null} */ (rows[0].querySelector(".fold"));
      packages.push({ head: readRow(rows[0]), body: null, fold, modules: [] });
    }
  }
  const moduleCount = packages.reduce((sum, one) => sum + Math.max(one.modules.length, 1), 0);

  /** @type {(one: Package, open: boolean) => void} */
  const unfold = (one, open) => {
    one.fold?.setAttribute("aria-expanded", String(open));
    one.body?.classList.toggle("open", open);
  };
  /** The packages somebody folded or unfolded, which a search leaves by itself as they were. */
  const chosen = new Set(packages.length === 1 || moduleCount <= 24 ? packages : []);

  // ---- search and filters ------------------------------------------------------------------

  const chips = /** @type {HTMLButtonElement[]} */ (
    Array.from(document.querySelectorAll("#reach button")));

  const filter = () => {
    /** @type {string[]} */
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const columns = chips.filter((chip) => chip.ariaPressed === "true")
      .map((chip) => Number(chip.dataset.column));
    const radio = /** @type {HTMLInputElement} */ (
      document.querySelector("#when input:checked"));
    const [when, own] = [radio.value, direct.checked];
    /** @type {(entry: Entry) => boolean} */
    const fits = (entry) => (when === "" || entry[1] === Number(when)) && (!own || entry[2] === 1);
    /** @type {(row: Row) => boolean} */
    const reaches = (row) => {
      if (columns.length === 0 && when === "" && !own) return true;
      const reached = row.entries.map((at) => data.entries[at]).filter(fits);
      return columns.length === 0
        ? reached.length > 0
        : columns.every((column) => reached.some((entry) => entry[0] === column));
    };
    /** @type {(row: Row) => boolean} */
    const matches = (row) => words.every((word) => row.text.includes(word)) && reaches(row);
    const narrowed = words.length > 0 || columns.length > 0 || when !== "" || own;
    let shown = 0;
    for (const one of packages) {
      let inside = 0;
      for (const module of one.modules) {
        const visible = matches(module);
        module.row.hidden = !visible;
        if (visible) inside += 1;
      }
      const visible = inside > 0 || (one.modules.length === 0 && matches(one.head));
      one.head.row.hidden = !visible;
      if (one.body) one.body.hidden = inside === 0;
      shown += one.modules.length > 0 ? inside : Number(visible);
      unfold(one, chosen.has(one) || (words.length > 0 && inside > 0));
    }
    table.classList.toggle("only-0", when === "0");
    table.classList.toggle("only-1", when === "1");
    table.classList.toggle("only-direct", own);
    element("count").textContent = narrowed
      ? `${number.format(shown)} of ${number.format(moduleCount)}`
      : "click a cell for its call path";
    const first = packages.find((one) => !one.head.row.hidden);
    stop(first ? buttons(first.head.row)[0] ?? null : null);
  };

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(filter, moduleCount > 2000 ? 200 : 0);
  });
  element("filter").addEventListener("change", filter);
  element("filter").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.ariaPressed = String(chip.ariaPressed !== "true");
      filter();
    });
  }
  const unfoldAll = /** @type {HTMLButtonElement} */ (element("unfold"));
  unfoldAll.hidden = packages.every((one) => !one.body);
  if (packages.every((one) => !one.body || chosen.has(one))) unfoldAll.textContent = "fold all";
  unfoldAll.addEventListener("click", () => {
    const all = packages.filter((one) => one.body);
    const open = all.some((one) => !chosen.has(one));
    for (const one of all) {
      if (open) chosen.add(one);
      else chosen.delete(one);
      unfold(one, open);
    }
    unfoldAll.textContent = open ? "fold all" : "unfold all";
  });

  // ---- the way behind a cell -----------------------------------------------------------------

  /** @type {(tag: string, text: string, name?: string) => HTMLElement} */
  const make = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  /** @type {(file: number, cell: number, row: number) => HTMLElement} */
  const excerpt = (file, cell, row) => {
    const near = (data.lines[file] ?? [])
      .filter((line) => line[0] === cell && Math.abs(line[1] - row) <= 2);
    if (near.length === 0) return make("p", "no excerpt in this page", "none");
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    for (const [, at, text] of near) {
      const line = make("span", "", at === row ? "marked" : "");
      if (at === row) line.ariaCurrent = "step";
      line.append(make("i", String(at)), make("code", text));
      pre.append(line);
    }
    return pre;
  };

  /** @type {(way: Way) => HTMLElement} */
  const step = ([name, file, cell, row]) => {
    const item = document.createElement("li");
    const place = cell > 0 ? `${data.files[file]}:cell ${cell}:${row}` : `${data.files[file]}:${row}`;
    item.append(make("b", data.names[name]), make("span", place, "at"), excerpt(file, cell, row));
    return item;
  };

  /** @type {HTMLButtonElement | null} */
  let opened = null;

  /** @type {(button: HTMLButtonElement) => void} */
  const open = (button) => {
    const [column, when, own, way, count] = data.entries[Number(button.dataset.e)];
    const row = /** @type {HTMLTableRowElement} */ (button.closest("tr"));
    const reach = data.columns[column];
    const items = [];
    for (let at = way; at !== null; at = data.ways[at][4]) items.push(step(data.ways[at]));
    const time = when === 0 ? "on import" : "if called";
    element("detail-name").textContent = nameOf(row);
    element("detail-what").textContent = reach === "unresolved"
      ? `${number.format(count)} ${count === 1 ? "call" : "calls"} ${time} could not be followed; the first one:`
      : `${reach}, ${time}, ${own ? "by its own code" : `in ${items.length} steps`}`;
    if (items.length === 0) items.push(make("li", "the call path is not in this page", "none"));
    steps.replaceChildren(...items);
    opened?.removeAttribute("aria-expanded");
    opened = button;
    button.ariaExpanded = "true";
    detail.hidden = false;
    detail.scrollTop = 0;
    main.classList.add("with-detail");
    stop(button);
    const hash = [reach, String(when), nameOf(row)].map(encodeURIComponent).join("/");
    history.replaceState(null, "", `#${hash}`);
    button.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const close = () => {
    if (!opened) return;
    const button = opened;
    opened = null;
    button.removeAttribute("aria-expanded");
    detail.hidden = true;
    main.classList.remove("with-detail");
    history.replaceState(null, "", "#");
    button.focus();
  };

  /** Open the cell that the address names. */
  const follow = () => {
    const parts = location.hash.slice(1).split("/");
    if (parts.length !== 3) return;
    let names;
    try {
      names = parts.map(decodeURIComponent);
    } catch {
      return;
    }
    const column = data.columns.indexOf(names[0]);
    for (const one of packages) {
      for (const row of [...one.modules, one.head]) {
        if (nameOf(row.row) !== names[2]) continue;
        const at = row.entries.find((entry) =>
          data.entries[entry][0] === column && data.entries[entry][1] === Number(names[1]));
        if (at === undefined) continue;
        if (row !== one.head) {
          chosen.add(one);
          unfold(one, true);
        }
        const button = buttons(row.row).find((button) => button.dataset.e === String(at));
        if (button) open(button);
        return;
      }
    }
  };

  table.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button || button.id) return;
    if (button.dataset.e) {
      open(button);
      return;
    }
    const one = packages.find((one) => one.fold === button);
    if (!one) return;
    const expand = button.ariaExpanded !== "true";
    if (expand) chosen.add(one);
    else chosen.delete(one);
    unfold(one, expand);
    stop(button);
  });
  element("close").addEventListener("click", close);
  addEventListener("hashchange", follow);

  // ---- keyboard ------------------------------------------------------------------------------

  /** The one button of the table that the tab key stops at. @type {HTMLButtonElement | null} */
  let tabStop = null;
  /** @type {(button: HTMLButtonElement | null) => void} */
  function stop(button) {
    if (tabStop) tabStop.tabIndex = -1;
    tabStop = button;
    if (button) button.tabIndex = 0;
  }
  /** Where a button stands, so that up and down keep the column.
   * @type {(button: HTMLElement) => number} */
  const left = (button) => button.getBoundingClientRect().left;

  /** The buttons of the next row to be seen that has one.
   * @type {(row: HTMLTableRowElement, by: 1 | -1) => HTMLButtonElement[]} */
  const neighbour = (row, by) => {
    const rows = table.rows;
    for (let at = row.rowIndex + by; at > 0 && at < rows.length; at += by) {
      if (rows[at].offsetParent === null) continue;
      const found = buttons(rows[at]);
      if (found.length > 0) return found;
    }
    return [];
  };

  table.addEventListener("keydown", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    const row = button?.closest("tr");
    if (!button || !row || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = buttons(row);
    const at = all.indexOf(button);
    /** @type {HTMLButtonElement | undefined} */
    let to;
    if (event.key === "ArrowRight") to = all[at + 1];
    else if (event.key === "ArrowLeft") to = all[at - 1];
    else if (event.key === "Home") to = all[0];
    else if (event.key === "End") to = all[all.length - 1];
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const from = left(button);
      to = neighbour(row, event.key === "ArrowDown" ? 1 : -1)
        .reduce((/** @type {HTMLButtonElement | undefined} */ best, one) =>
          best && Math.abs(left(best) - from) <= Math.abs(left(one) - from) ? best : one, undefined);
    } else return;
    event.preventDefault();
    if (!to) return;
    stop(to);
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  addEventListener("keydown", (event) => {
    const typing = /** @type {Element} */ (event.target).matches?.("input[type=search]");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && !typing) close();
  });

  filter();
  follow();
})();
