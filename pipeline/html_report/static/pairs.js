// Image by image: differences of the two chosen rows, as bars and as worst and best scenes.
(function () {
  "use strict";
  var form = document.getElementById("pair"), source = document.getElementById("pair-data");
  if (!form || !source) return;
  var data = JSON.parse(source.textContent);
  var figure = document.getElementById("pair-chart"), says = document.getElementById("pair-says");
  var SPACE = "http://www.w3.org/2000/svg", HEIGHT = 300, LEFT = 52, TOP = 12, BOTTOM = 30;

  function number(value, sign) {
    var text = value.toFixed(2).replace("-", "\u2212");
    return sign && value >= 0 ? "+" + text : text;
  }

  function element(name, attributes, parent, text) {
    var made = document.createElementNS(SPACE, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  function gainsOf(one, other) {
    var gains = data.scenes.map(function (scene, i) {
      var a = data.values[one][i], b = data.values[other][i];
      return { scene: scene, kind: data.categories[i], one: a, other: b, gain: a - b };
    });
    return gains.sort(function (a, b) { return a.gain - b.gain || (a.scene < b.scene ? -1 : 1); });
  }

  function step(rough) {
    var power = Math.pow(10, Math.floor(Math.log10(rough)));
    return [1, 2, 5, 10].map(function (f) { return f * power; }).find(function (s) { return s >= rough; });
  }

  function draw(gains, one, other) {
    var old = figure.querySelector("svg"), WIDTH = Math.max(300, figure.clientWidth);
    if (old) old.remove();
    var low = Math.min(0, gains[0].gain), high = Math.max(0, gains[gains.length - 1].gain);
    var room = 0.06 * (high - low || 1), unit = step((high - low || 1) / 5);
    low -= room; high += room;
    var svg = element("svg", { viewBox: "0 0 " + WIDTH + " " + HEIGHT, role: "group",
      "aria-label": "Difference of PSNR by scene, " + one + " minus " + other }, figure);
    function y(value) { return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM); }
    var grid = element("g", { "class": "grid", "aria-hidden": "true" }, svg);
    for (var n = Math.ceil(low / unit); n <= Math.floor(high / unit); n++) {
      element("line", { x1: LEFT, x2: WIDTH, y1: y(n * unit), y2: y(n * unit) }, grid);
      element("text", { x: LEFT - 7, y: y(n * unit) + 4, "text-anchor": "end" }, grid, number(n * unit));
    }
    element("text", { "class": "label", transform: "translate(12 " + HEIGHT / 2 + ") rotate(-90)",
      "text-anchor": "middle" }, grid, "Difference (dB)");
    element("text", { "class": "label", x: (LEFT + WIDTH) / 2, y: HEIGHT - 8, "text-anchor": "middle" },
      grid, gains.length + " scenes, by difference");
    var wide = (WIDTH - LEFT) / gains.length;
    gains.forEach(function (one, i) {
      var top = Math.min(y(0), y(one.gain)), tall = Math.max(1, Math.abs(y(0) - y(one.gain)));
      element("rect", { "class": "mark bar " + (one.gain >= 0 ? "up" : "down"), x: LEFT + i * wide + 0.12 * wide,
        y: top, width: 0.76 * wide, height: tall, role: "img", tabindex: "-1",
        "aria-label": one.scene + " (" + one.kind + "): " + number(one.one) + " and " + number(one.other) +
          " dB, difference " + number(one.gain, true) + " dB" }, svg);
    });
    element("line", { "class": "zero", x1: LEFT, x2: WIDTH, y1: y(0), y2: y(0) }, svg);
    dmtbenchChart.rove(figure);
  }

  function list(id, gains) {
    var body = document.getElementById(id).tBodies[0];
    body.textContent = "";
    gains.forEach(function (one) {
      var row = body.insertRow(), head = document.createElement("th");
      head.scope = "row";
      head.className = "text compact";
      head.textContent = one.scene;
      row.appendChild(head);
      [[one.kind, "text"], [number(one.one), "number"], [number(one.other), "number"],
        [number(one.gain, true), "number"]].forEach(function (cell) {
        var made = row.insertCell();
        made.textContent = cell[0];
        made.className = cell[1];
      });
    });
  }

  function intervalOf(one, other) {
    for (var i = 0; i < data.intervals.length; i++) {
      var found = data.intervals[i];
      if (found[0] === one && found[1] === other) return [found[2], found[3]];
      if (found[0] === other && found[1] === one) return [-found[3], -found[2]];
    }
    return null;
  }

  function update() {
    var one = form.elements.one.value, other = form.elements.other.value;
    var gains = gainsOf(one, other), n = gains.length;
    var mean = gains.reduce(function (sum, g) { return sum + g.gain; }, 0) / n;
    var median = (gains[Math.floor((n - 1) / 2)].gain + gains[Math.ceil((n - 1) / 2)].gain) / 2;
    var better = gains.filter(function (g) { return g.gain > 0; }).length, found = intervalOf(one, other);
    says.textContent = one + " minus " + other + ": mean " + number(mean, true) + " dB, median " +
      number(median, true) + " dB; better on " + better + " of " + n + " scenes. " +
      (found ? "95 % interval over scenes " + number(found[0], true) + " to " + number(found[1], true) + " dB."
        : "The paper does not compare this pair: no interval was computed.");
    draw(gains, one, other);
    list("worst", gains.slice(0, data.extremes));
    list("best", gains.slice().reverse().slice(0, data.extremes));
  }

  form.hidden = figure.hidden = false;
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("change", update);
  window.addEventListener("resize", update);
  update();
})();
