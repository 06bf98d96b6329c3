"use strict";
// Sorting and filtering; the page is complete without.
(() => {
  const table = document.getElementById("columns");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const boxes = Array.from(document.querySelectorAll(".tally input[type=checkbox]"));
  const find = document.getElementById("find");
  const status = document.getElementById("status");

  const card = (row) => document.querySelector(row.querySelector("a").getAttribute("href"));

  const filter = () => {
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const text = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase();
      const fits = wanted.has(row.cells[1].dataset.value) && name.includes(text);
      row.hidden = card(row).hidden = !fits;
      shown += fits;
    }
    status.textContent = shown < rows.length ? `${shown} of ${rows.length} columns shown.` : "";
  };

  const key = (row, place) => {
    const value = row.cells[place].dataset.value;
    return value === undefined ? row.cells[place].textContent : Number(value);
  };

  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;

  const sort = (heading, place) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const sorted = rows.slice().sort((a, b) => sign * compare(key(a, place), key(b, place)));
    body.append(...sorted);
  };

  Array.from(table.tHead.rows[0].cells).forEach((heading, place) => {
    if (heading.classList.contains("plain")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading, place));
  });
  for (const box of boxes) {
    box.hidden = false;
    box.addEventListener("change", filter);
  }
  document.querySelector(".search").hidden = false;
  find.addEventListener("input", filter);
})();
