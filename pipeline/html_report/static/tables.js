// Tables: sort by a column, filter rows, choose columns. Without this script they are plain tables.
(function () {
  "use strict";

  function keyOf(row, column) {
    var text = row.cells[column].getAttribute("data-key");
    if (text === null) return null;
    var number = Number(text);
    return text.trim() !== "" && !Number.isNaN(number) ? number : text;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sort(table, heads, column, say) {
    var head = heads[column];
    var descending = head.getAttribute("aria-sort") === "ascending";
    var body = table.tBodies[0];
    var rows = Array.from(body.rows);
    rows.sort(function (one, other) {
      var a = keyOf(one, column), b = keyOf(other, column);
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? compare(b, a) : compare(a, b);
    });
    rows.forEach(function (row) { body.appendChild(row); });
    heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    say("Sorted by " + head.textContent + (descending ? ", descending" : ", ascending"));
  }

  function filter(table, text, say) {
    var words = text.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
    Array.from(table.tBodies[0].rows).forEach(function (row) {
      var content = row.textContent.toLowerCase();
      var kept = words.every(function (word) { return content.includes(word); });
      row.toggleAttribute("data-gone", !kept);
      shown += kept ? 1 : 0;
    });
    say(words.length ? shown + " of " + table.tBodies[0].rows.length + " rows" : "");
  }

  function show(table, column, shown) {
    Array.from(table.querySelectorAll("tr:not(.groups)")).forEach(function (row) {
      row.cells[column].toggleAttribute("data-hidden", !shown);
    });
  }

  // A group is as wide as its columns that are shown.
  function widen(table, widths) {
    var groups = table.querySelector("tr.groups");
    if (!groups) return;
    var heads = table.querySelector("tr.heads").cells, column = 0;
    Array.from(groups.cells).forEach(function (group, number) {
      var shown = 0;
      for (var i = 0; i < widths[number]; i++, column++) {
        shown += heads[column].hasAttribute("data-hidden") ? 0 : 1;
      }
      group.toggleAttribute("data-hidden", shown === 0);
      group.colSpan = Math.max(1, shown);
    });
  }

  function prepare(block) {
    var table = block.querySelector("table"), tools = block.querySelector(".tools");
    if (!table || !tools) return;
    var heads = Array.from(table.querySelector("tr.heads").cells);
    var groups = table.querySelector("tr.groups");
    var widths = groups ? Array.from(groups.cells, function (cell) { return cell.colSpan; }) : [];
    var said = block.querySelector("[data-said]");
    function say(text) { said.textContent = text; }
    heads.forEach(function (head, column) {
      if (head.hasAttribute("data-off")) show(table, column, false);
      if (!head.hasAttribute("data-sort")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(button);
      button.addEventListener("click", function () { sort(table, heads, column, say); });
    });
    widen(table, widths);
    tools.hidden = false;
    tools.querySelector("[data-filter]").addEventListener("input", function (event) {
      filter(table, event.target.value, say);
    });
    tools.querySelectorAll("[data-column]").forEach(function (box) {
      box.checked = !heads[Number(box.dataset.column)].hasAttribute("data-off");
      box.addEventListener("change", function () {
        show(table, Number(box.dataset.column), box.checked);
        widen(table, widths);
      });
    });
    var columns = tools.querySelector(".columns");
    columns.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { columns.open = false; columns.querySelector("summary").focus(); }
    });
    document.addEventListener("click", function (event) {
      if (!columns.contains(event.target)) columns.open = false;
    });
  }

  document.querySelectorAll("[data-table]").forEach(prepare);

  // On a narrow screen the contents would push everything else down.
  var contents = document.querySelector("[data-contents]");
  if (contents && window.matchMedia("(max-width: 1079px)").matches) contents.open = false;
})();
