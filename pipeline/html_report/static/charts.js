// Charts: a tip for the mark under the pointer or with the focus, arrow keys, series on and off.
var dmtbenchChart = (function () {
  "use strict";

  function placeTip(figure, tip, mark) {
    var frame = figure.getBoundingClientRect(), box = mark.getBoundingClientRect();
    var middle = box.left + box.width / 2 - frame.left;
    tip.hidden = false;
    var left = Math.min(Math.max(0, middle - tip.offsetWidth / 2), frame.width - tip.offsetWidth);
    var above = box.top - frame.top - tip.offsetHeight - 8;
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = (above < 0 ? box.bottom - frame.top + 8 : above) + "px";
  }

  function marksOf(figure) {
    return Array.from(figure.querySelectorAll("[data-mark], .mark")).filter(function (mark) {
      return mark.getClientRects().length > 0;
    });
  }

  // One stop for the tab key; arrow keys move between the marks.
  function rove(figure) {
    var marks = marksOf(figure);
    figure.querySelectorAll(".mark").forEach(function (mark) { mark.setAttribute("tabindex", "-1"); });
    if (marks.length) marks[0].setAttribute("tabindex", "0");
  }

  function move(figure, mark, key) {
    var marks = marksOf(figure), place = marks.indexOf(mark);
    var next = { ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1,
      Home: 0, End: marks.length - 1 }[key];
    if (next === undefined || !marks[next]) return next !== undefined;
    mark.setAttribute("tabindex", "-1");
    marks[next].setAttribute("tabindex", "0");
    marks[next].focus({ preventScroll: true });
    return true;
  }

  function prepare(figure) {
    var tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    figure.appendChild(tip);
    function enter(event) {
      var mark = event.target.closest && event.target.closest(".mark");
      if (!mark) return;
      tip.textContent = mark.getAttribute("aria-label");
      placeTip(figure, tip, mark);
    }
    function leave(event) {
      if (event.target.closest && event.target.closest(".mark")) tip.hidden = true;
    }
    figure.addEventListener("pointerover", enter);
    figure.addEventListener("pointerout", leave);
    figure.addEventListener("focusin", enter);
    figure.addEventListener("focusout", leave);
    figure.addEventListener("keydown", function (event) {
      if (event.key === "Escape") tip.hidden = true;
      var mark = event.target.closest(".mark");
      if (mark && move(figure, mark, event.key)) event.preventDefault();
    });
    figure.querySelectorAll("[data-toggle]").forEach(function (button) {
      var series = figure.querySelector('[data-series="' + button.dataset.toggle + '"]');
      button.setAttribute("aria-pressed", String(!series.hasAttribute("data-off")));
      button.addEventListener("click", function () {
        var off = series.toggleAttribute("data-off");
        button.setAttribute("aria-pressed", String(!off));
        rove(figure);
      });
    });
    rove(figure);
  }

  document.querySelectorAll("[data-chart]").forEach(prepare);
  return { rove: rove };
})();
