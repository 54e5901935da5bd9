"use strict";
// Plots by BokehJS from the data of eiesim/view/page.py: what is seen in the static picture, with values on hover.
window.eiesimLive = (() => {
  const black = "#000000", mostUpright = 6;

  function axis(scale) {
    const made = new (scale.log ? Bokeh.LogAxis : Bokeh.LinearAxis)({ axis_label: scale.label || null, axis_label_text_font_size: "12px" });
    if (scale.ticks.length) {
      made.ticker = new Bokeh.FixedTicker({ ticks: scale.ticks.map(([place]) => place), minor_ticks: [] });
      made.major_label_overrides = new Map(scale.ticks);
      if (scale.named && scale.ticks.length > mostUpright) made.major_label_orientation = 0.6;
    } else {
      made.formatter = new Bokeh.NumeralTickFormatter({ format: scale.percent ? "0%" : "0,0.[000]" });
    }
    return made;
  }

  const numbers = (values) => values.map((value) => (value === null ? NaN : value));

  function draw(plot, one) {
    // `given`: colours on white; where marks differ in it, the theme makes `colour` of them.
    const mixed = new Set(one.colours).size > 1 ? { given: one.colours } : {};
    const source = new Bokeh.ColumnDataSource({ data: { ...mixed,
      x: one.x, y: one.y, low: numbers(one.low), high: numbers(one.high), colour: one.colours,
      bottom: one.bottom, series: one.x.map(() => one.name), across: one.across, up: one.up, ends: one.ends,
    } });
    const colour = one.colours[0];
    const add = (glyph, ink = colour === black && !mixed.given) => {
      const made = new Bokeh.GlyphRenderer({ data_source: source, glyph, name: one.name, tags: ink ? ["ink"] : [] });
      plot.renderers = [...plot.renderers, made];
      return made;
    };
    const x = { field: "x" }, y = { field: "y" }, pointed = [];
    if (one.kind === "band") {
      add(new Bokeh.Patch({ x, y, fill_color: colour, fill_alpha: 0.45, line_color: null }));
      return [];
    }
    if (one.kind === "bars") {
      const hatched = one.hatch ? { hatch_pattern: one.hatch, hatch_color: black, hatch_weight: 0.6, hatch_scale: 8 } : {};
      pointed.push(add(new Bokeh.VBar({
        x, top: y, bottom: { field: "bottom" }, width: one.width, fill_color: colour, line_color: null, ...hatched,
      })));
    }
    if (one.kind === "line")
      add(new Bokeh.Line({ x, y, line_color: colour, line_width: 1.6, line_dash: one.dashed ? [6, 4] : [] }));
    if (one.marker) {
      const thin = one.marker === "x" || one.marker === "cross";
      pointed.push(add(new Bokeh.Scatter({
        x, y, marker: { value: one.marker }, size: one.marker === "star" || thin ? 10 : 8,
        fill_color: { field: "colour" }, line_color: { field: "colour" }, line_width: thin ? 2 : 1,
      })));
    }
    if (one.low.some((value) => value !== null))
      add(new Bokeh.Segment({ x0: x, x1: x, y0: { field: "low" }, y1: { field: "high" }, line_color: black, line_width: 2 }), true);
    return pointed;
  }

  function plotOf(panel) {
    const range = (scale) => new Bokeh.Range1d({ start: scale.start, end: scale.end });
    const scale = (one) => new (one.log ? Bokeh.LogScale : Bokeh.LinearScale)();
    const plot = new Bokeh.Plot({
      x_range: range(panel.x), y_range: range(panel.y), x_scale: scale(panel.x), y_scale: scale(panel.y),
      height: 320, sizing_mode: "stretch_width", toolbar_location: null, min_border_right: 12,
      title: panel.title ? new Bokeh.Title({ text: panel.title }) : null,
    });
    const across = axis(panel.x), up = axis(panel.y);
    plot.add_layout(across, "below");
    plot.add_layout(up, "left");
    plot.add_layout(new Bokeh.Grid({ dimension: 1, axis: up }));
    if (!panel.x.named) plot.add_layout(new Bokeh.Grid({ dimension: 0, axis: across }));
    const behind = panel.series.filter((one) => one.kind === "band");
    const pointed = [...behind, ...panel.series.filter((one) => one.kind !== "band")].flatMap((one) => draw(plot, one));
    for (const note of panel.notes) plot.add_layout(new Bokeh.Label({
      x: note.x, y: note.y, x_offset: note.shift[0], y_offset: note.shift[1], text: note.text, text_font_size: "11px",
      text_align: note.side, text_baseline: note.up === "center" ? "middle" : note.up,
    }));
    plot.add_tools(new Bokeh.HoverTool({
      renderers: pointed, tooltips: "<div><b>@series</b><br>@across<br>@up<br>@ends</div>", point_policy: "snap_to_data",
    }));
    return plot;
  }

  // Draws the panels of a picture into an element, one after the other; gives the plots.
  async function show(panels, element) {
    const plots = [];
    for (const panel of panels) {
      const plot = plotOf(panel), place = document.createElement("div");
      element.append(place);
      eiesimTheme.dress(plot);
      await Bokeh.Plotting.show(plot, place);
      plots.push(plot);
    }
    eiesimTheme.letScroll(element);
    return plots;
  }

  // A series on or off, in all panels of a picture.
  function toggle(plots, name, shown) {
    for (const plot of plots) for (const drawn of plot.renderers) if (drawn.name === name) drawn.visible = shown;
  }

  return { show, toggle };
})();
