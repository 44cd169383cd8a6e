"use strict";
(() => {
  const root = document.documentElement;
  const keep = (theme) => { try { localStorage.setItem("dirsweep-theme", theme); } catch (_) { /* a file may not store */ } };
  let stored = null;
  try { stored = localStorage.getItem("dirsweep-theme"); } catch (_) { /* as above */ }
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
  });
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const text = cell.textContent.trim();
    return text === "" || text === "–" || text === "·" ? null : text.toLowerCase();
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].filter((row) => !row.classList.contains("section"));
      for (const row of [...body.rows]) if (row.classList.contains("section")) row.remove();
      rows.map((row, at) => [keyOf(row, column), at, row])
        // empty cells stay last in both directions; equal ones keep their order
        .sort(([a, i], [b, j]) => a === null || b === null ? (a === null) - (b === null) || i - j : (down ? compare(b, a) : compare(a, b)) || i - j)
        .forEach(([, , row]) => { row.classList.remove("rule"); body.append(row); });
    }));
    const holder = table.closest(".scroll").previousElementSibling;
    if (!holder || !holder.classList.contains("tools")) continue;
    const wide = holder.querySelector(".wide");
    if (wide) wide.addEventListener("change", () => table.classList.toggle("all", wide.checked));
    const filter = holder.querySelector(".filter");
    if (filter) filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of body.rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
  }
})();
