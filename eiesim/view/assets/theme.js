"use strict";
// Light and dark: the reader's choice, else the system's; and Bokeh's plots, which know no CSS, dressed to match.
window.eiesimTheme = (() => {
  const root = document.documentElement, changed = [];

  function dark() {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function onChange(action) {
    changed.push(action);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", action);
  }

  function toggle() {
    root.dataset.theme = dark() ? "light" : "dark";
    for (const action of changed) action();
  }

  function colours() {
    const style = getComputedStyle(root);
    return ["--back", "--text", "--line"].map((name) => style.getPropertyValue(name).trim());
  }

  function dress(plot) {
    const [back, text, line] = colours();
    plot.setv({ background_fill_color: back, border_fill_color: back, outline_line_color: line });
    if (plot.title && plot.title.setv) plot.title.setv({ text_color: text });
    for (const part of [...plot.below, ...plot.left]) {
      if ("axis_line_color" in part) part.setv({
        axis_line_color: line, major_tick_line_color: line, minor_tick_line_color: null,
        major_label_text_color: text, axis_label_text_color: text,
      });
    }
    for (const part of plot.center) if ("grid_line_color" in part) part.setv({ grid_line_color: line, grid_line_alpha: 0.6 });
    for (const part of plot.center) if ("text_color" in part) part.text_color = text;
    // What is black on white is white on black.
    for (const drawn of plot.renderers) {
      const data = drawn.data_source.data;
      if (data.given) drawn.data_source.data = { ...data, colour: data.given.map((one) => (one === "#000000" ? text : one)) };
      if (!drawn.tags.includes("ink")) continue;
      for (const name of ["line_color", "fill_color"]) if (name in drawn.glyph) drawn.glyph[name] = { value: text };
    }
  }

  // Bokeh keeps every touch to itself; a finger that moves up or down should scroll the page.
  function letScroll(element) {
    for (const part of element.querySelectorAll("*")) {
      if (part.shadowRoot) letScroll(part.shadowRoot);
      if (getComputedStyle(part).touchAction === "none") part.style.touchAction = "pan-y";
    }
  }

  return { dark, onChange, toggle, dress, letScroll };
})();
