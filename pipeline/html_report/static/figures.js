// The slider of each scene: two images, a divider to drag or to move with the arrow keys.
(function () {
  "use strict";

  function prepare(scene) {
    var slider = scene.querySelector(".slider"), compare = scene.querySelector(".compare");
    var range = scene.querySelector("input[type=range]"), dragged = false;
    if (!slider || !compare || !range) return;

    function name(side) {
      var select = scene.querySelector("[data-side=" + side + "]");
      return select.options[select.selectedIndex].text;
    }

    function show() {
      ["before", "after"].forEach(function (side) {
        var number = scene.querySelector("[data-side=" + side + "]").value;
        compare.querySelector("." + side).src = scene.querySelector('[data-full="' + number + '"]').src;
      });
      move(Number(range.value));
    }

    function move(percent) {
      range.value = String(Math.round(percent));
      compare.style.setProperty("--at", percent + "%");
      range.setAttribute("aria-valuetext", name("before") + " " + range.value + " %, then " + name("after"));
    }

    function drag(event) {
      var frame = compare.getBoundingClientRect();
      var share = (event.clientX - frame.left) / frame.width;
      move(100 * Math.min(1, Math.max(0, share)));
    }

    scene.querySelectorAll("[data-side]").forEach(function (select) {
      select.addEventListener("change", show);
    });
    range.addEventListener("input", function () { move(Number(range.value)); });
    compare.addEventListener("pointerdown", function (event) {
      dragged = true;
      compare.setPointerCapture(event.pointerId);
      drag(event);
    });
    compare.addEventListener("pointermove", function (event) { if (dragged) drag(event); });
    ["pointerup", "pointercancel"].forEach(function (kind) {
      compare.addEventListener(kind, function () { dragged = false; });
    });
    slider.hidden = false;
    show();
  }

  document.querySelectorAll("[data-qualitative]").forEach(prepare);
})();
