// Draws the figures of a page in its colours, and lets the live book add the learner's rows.
(function () {
  "use strict";

  // Okabe and Ito's colours, which the colour-blind tell apart, darker or lighter for contrast.
  const THEMES = {
    light: {
      paper: "#ffffff",
      text: "#24292f", faint: "#57606a", grid: "#e4e7eb", line: "#8a939e",
      category: ["#0067a3", "#b34700", "#00735a", "#8f4a80", "#6b5b00", "#3d3d3d"],
      ramp: ["#d6e9f5", "#00507f"],
    },
    dark: {
      paper: "#14181e",
      text: "#e6e9ee", faint: "#b3bac4", grid: "#3a4049", line: "#87909c",
      category: ["#62b8ec", "#f0a13a", "#3fc79a", "#e294c4", "#f0e442", "#c9c9c9"],
      ramp: ["#1d3545", "#7cc8f5"],
    },
  };

  function theme() {
    const dark = document.documentElement.dataset.theme === "dark";
    return dark ? THEMES.dark : THEMES.light;
  }

  function config(both) {
    const c = theme();
    const font = getComputedStyle(document.body).fontFamily;
    const labels = {
      labelFont: font, titleFont: font, labelColor: c.faint, titleColor: c.text,
      labelFontSize: 12, titleFontSize: 13, titleFontWeight: "normal",
    };
    return {
      background: null,
      font: font,
      view: { stroke: null },
      axis: { ...labels, aria: false, gridColor: c.grid, domainColor: c.line, tickColor: c.line, titlePadding: 8 },
      // Whose curve is whose needs no legend while there is only one.
      legend: { ...labels, aria: false, orient: "top", symbolStrokeWidth: 3, disable: !both },
      header: labels,
      title: { font: font, color: c.text, fontSize: 14, anchor: "start", fontWeight: 600 },
      range: { category: c.category, ramp: c.ramp, heatmap: c.ramp },
      // A picture has one description, not one for every point.
      mark: { color: c.category[0], aria: false },
      aria: false,
      line: { strokeWidth: 3 },
      rule: { color: c.line },
      text: { color: c.text, font: font, fontSize: 13 },
      style: {
        cell: { stroke: null },
        // Behind words that stand on lines.
        halo: { stroke: c.paper, strokeWidth: 5, fill: c.paper },
      },
    };
  }

  const figures = new Map();

  class Figure {
    constructor(element) {
      this.element = element;
      this.place = element.querySelector(".chart-view");
      this.specification = JSON.parse(element.querySelector("script").textContent);
      this.yours = [];
      this.view = null;
      this.drawing = Promise.resolve();
    }

    rows() {
      return this.specification.datasets.table.concat(this.yours);
    }

    // One drawing at a time, so that the last one wins.
    draw() {
      this.drawing = this.drawing.then(() => this.embed()).catch((error) => console.error(error));
      return this.drawing;
    }

    async embed() {
      const kept = this.kept();
      const specification = structuredClone(this.specification);
      specification.datasets.table = this.rows();
      for (const parameter of specification.params || []) {
        if (parameter.name in kept) parameter.value = kept[parameter.name];
        if (parameter.name === "both") parameter.value = this.yours.length > 0;
      }
      if (this.view) this.view.finalize();
      const { view } = await window.vegaEmbed(this.place, specification, {
        actions: false, renderer: "svg", config: config(this.yours.length > 0), tooltip: { theme: "custom" },
      });
      this.view = view;
      this.label();
      this.element.dataset.drawn = "yes";
    }

    // Where the reader has put the sliders.
    kept() {
      const kept = {};
      if (!this.view) return kept;
      for (const parameter of this.specification.params || []) {
        if ("bind" in parameter) kept[parameter.name] = this.view.signal(parameter.name);
      }
      return kept;
    }

    // Every group of buttons says what it is for; the picture is described by the words below it.
    label() {
      const svg = this.place.querySelector("svg");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", this.specification.description);
      for (const bind of this.place.querySelectorAll(".vega-bind")) {
        const name = bind.querySelector(".vega-bind-name");
        if (!name) continue;
        const group = bind.querySelector(".vega-bind-radio");
        if (group) {
          group.setAttribute("role", "radiogroup");
          group.setAttribute("aria-label", name.textContent);
        } else {
          const input = bind.querySelector("input, select");
          if (input) input.setAttribute("aria-label", name.textContent);
        }
      }
    }

    overlay(rows) {
      this.yours = rows;
      return this.draw();
    }
  }

  function start() {
    for (const element of document.querySelectorAll(".chart")) {
      const figure = new Figure(element);
      figures.set(element.dataset.figure, figure);
      figure.draw();
    }
    let dark = document.documentElement.dataset.theme;
    new MutationObserver(() => {
      if (document.documentElement.dataset.theme === dark) return;
      dark = document.documentElement.dataset.theme;
      for (const figure of figures.values()) figure.draw();
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  }

  window.assayFigures = figures;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
