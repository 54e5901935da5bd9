"use strict";
(() => {
  const data = JSON.parse(document.getElementById("trace-data").textContent);
  const { firstCycle, cycles, pes } = data;
  const end = firstCycle + cycles, rows = pes.length, states = data.states.length, sent = data.broadcast.cycle.length;
  const number = (value) => value.toLocaleString("en");
  const rgb = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  const sends = -1, findsNone = -2, hasEnded = -3; // what the LNZD does where no PE holds it back
  const dark = { starved: "#2B3138", ended: "#20252b", broadcast: "#F2F2F2" };
  const light = { starved: data.colours[0], ended: data.ended, broadcast: "#FFFFFF" };
  // What waits: from dark blue to yellow, as matplotlib's cividis, which colour-blind eyes read too.
  const scale = ["#00224E", "#35456C", "#666970", "#948E77", "#C8B866", "#FEE838"].map(rgb);

  let state, begun, held, lane, full, stalls, order, model, theme, cellsWide = 1, cellsHigh = 1, picked = null, waiting = false, most = 1;
  let visible = { counts: [], stall: [] };

  async function unpacked(name) {
    const bytes = Uint8Array.from(atob(data[name]), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    data[name] = null;
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function unpack() {
    const half = await unpacked("cells");
    full = await unpacked("full"); // a bit a PE in each cycle that holds a broadcast back
    const all = rows * cycles;
    state = new Uint8Array(all); // what PointerRead does
    begun = new Int32Array(all); // columns that it has begun with so far; the one it holds is broadcast begun - 1
    held = new Uint16Array(all); // columns in the queue at the cycle's start
    const arrived = new Int32Array(cycles); // columns broadcast before each cycle
    for (let cell = 0, k = 0; cell < cycles; cell++) {
      while (k < sent && data.broadcast.cycle[k] < firstCycle + cell) k++;
      arrived[cell] = k;
    }
    for (let row = 0, at = 0; row < rows; row++) {
      let so_far = data.begunAtStart[row];
      for (let cell = 0; cell < cycles; cell++, at++) {
        const value = (half[at >> 1] >> (4 * (at & 1))) & 15;
        state[at] = value & 3;
        so_far += value >> 2;
        begun[at] = so_far;
        held[at] = arrived[cell] - so_far;
        if (held[at] > most) most = held[at];
      }
    }
    // The LNZD: what it does, or the PE that holds it back.
    lane = new Int32Array(cycles).map((_, cell) => (firstCycle + cell > data.scanLast ? hasEnded : findsNone));
    for (let k = 0; k < sent; k++) {
      const b = data.broadcast.cycle[k];
      if (b >= firstCycle && b < end) lane[b - firstCycle] = sends;
      for (let t = Math.max(b - data.broadcast.stall[k], firstCycle); t < Math.min(b, end); t++)
        lane[t - firstCycle] = data.broadcast.blocker[k];
    }
    stalls = new Int32Array(cycles); // cycles before each that hold a broadcast back
    for (let cell = 1; cell < cycles; cell++) stalls[cell] = stalls[cell - 1] + (lane[cell - 1] >= 0 ? 1 : 0);
  }

  // --- drawing: the cells in sight, each the mean of all the cycles and PEs that it covers

  function blocks() {
    const range = model.cycles, plot = model.state;
    const from = Math.max(0, Math.floor(range.start + 0.5 - firstCycle));
    const to = Math.min(cycles, Math.max(from + 1, Math.ceil(range.end + 0.5 - firstCycle)));
    const pixels = Math.max(50, Math.floor((plot.inner_width || 800) * (window.devicePixelRatio || 1)));
    const high = Math.max(50, Math.floor((plot.inner_height || 300) * (window.devicePixelRatio || 1)));
    cellsWide = Math.ceil((to - from) / pixels);
    cellsHigh = Math.ceil(rows / high);
    const first = Math.floor(from / cellsWide) * cellsWide;
    return { from, to, first, columns: Math.ceil((to - first) / cellsWide), lines: Math.ceil(rows / cellsHigh) };
  }

  function image(name, pixels, { first, columns }, lines, high) {
    const source = model[`${name}-image`], Pixels = source.data.image[0].constructor;
    source.data = {
      image: [new Pixels(pixels, [lines, columns])],
      x: [firstCycle + first - 0.5], y: [-0.5], dw: [columns * cellsWide], dh: [lines * high],
    };
  }

  const pack = (red, green, blue) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

  function draw() {
    waiting = false;
    const view = blocks();
    const colours = [theme.starved, ...data.colours.slice(1)].map(rgb);
    const doing = new Uint32Array(view.lines * view.columns), queue = new Uint32Array(view.lines * view.columns);
    const share = new Int32Array(states);
    for (let line = 0; line < view.lines; line++) {
      const above = line * cellsHigh, below = Math.min(rows, above + cellsHigh);
      for (let column = 0; column < view.columns; column++) {
        const left = view.first + column * cellsWide, right = Math.min(cycles, left + cellsWide);
        share.fill(0);
        let waits = 0;
        for (let place = above; place < below; place++) {
          const base = order[place] * cycles;
          for (let at = base + left; at < base + right; at++) {
            share[state[at]]++;
            waits += held[at];
          }
        }
        const all = (below - above) * (right - left);
        let red = 0, green = 0, blue = 0;
        for (let k = 0; k < states; k++) {
          red += share[k] * colours[k][0]; green += share[k] * colours[k][1]; blue += share[k] * colours[k][2];
        }
        const at = line * view.columns + column;
        doing[at] = pack(Math.round(red / all), Math.round(green / all), Math.round(blue / all));
        queue[at] = heat(waits / all / most);
      }
    }
    image("state", doing, view, view.lines, cellsHigh);
    image("queue", queue, view, view.lines, cellsHigh);
    drawLane(view);
    drawBars(view);
    drawPath();
    if (picked) show(describe(picked.row, picked.cycle));
    const cell = cellsWide === 1 && cellsHigh === 1 ? "a cell is one cycle of one PE"
      : `a cell is ${cellsWide} cycle${cellsWide > 1 ? "s" : ""}${cellsHigh > 1 ? ` of ${cellsHigh} PEs` : ""}, colours mixed by share`;
    document.getElementById("scale").textContent = `(${cell})`;
  }

  function heat(share) {
    const place = Math.min(share, 1) * (scale.length - 1), k = Math.min(Math.floor(place), scale.length - 2), part = place - k;
    return pack(...[0, 1, 2].map((c) => Math.round(scale[k][c] * (1 - part) + scale[k + 1][c] * part)));
  }

  function laneColour(what) {
    if (what === sends) return theme.broadcast;
    if (what === findsNone) return data.bubble;
    if (what === hasEnded) return theme.ended;
    const place = data.worst.pe.indexOf(what);
    return place < 0 ? data.worst.other : data.worst.colours[place];
  }

  function drawLane(view) {
    const pixels = new Uint32Array(view.columns), known = new Map();
    for (let column = 0; column < view.columns; column++) {
      const left = view.first + column * cellsWide, right = Math.min(cycles, left + cellsWide), sum = [0, 0, 0];
      for (let cell = left; cell < right; cell++) {
        if (!known.has(lane[cell])) known.set(lane[cell], rgb(laneColour(lane[cell])));
        const colour = known.get(lane[cell]);
        for (let c = 0; c < 3; c++) sum[c] += colour[c];
      }
      pixels[column] = pack(...sum.map((value) => Math.round(value / (right - left))));
    }
    image("lnzd", pixels, view, 1, 1);
  }

  function count(view) {
    const counts = pes.map(() => new Int32Array(states)), stall = new Map();
    for (let row = 0; row < rows; row++)
      for (let at = row * cycles + view.from; at < row * cycles + view.to; at++) counts[row][state[at]]++;
    for (let cell = view.from; cell < view.to; cell++)
      if (lane[cell] >= 0) stall.set(lane[cell], (stall.get(lane[cell]) || 0) + 1);
    return { counts, stall: pes.map((pe) => stall.get(pe) || 0) };
  }

  function drawBars(view) {
    visible = count(view);
    const bars = { y: order.map((_, place) => place - 0.1), stall_y: order.map((_, place) => place + 0.33) };
    for (let k = 0; k < states; k++) bars[`s${k}`] = order.map((row) => visible.counts[row][k]);
    bars.stall = order.map((row) => visible.stall[row]);
    model["bars-data"].data = bars;
    model["bar-range"].setv({ start: 0, end: Math.max(1, view.to - view.from) });
  }

  function drawPath() {
    const lines = { x0: [], y0: [], x1: [], y1: [] };
    const add = (x0, y0, x1, y1) => { lines.x0.push(x0); lines.y0.push(y0); lines.x1.push(x1); lines.y1.push(y1); };
    if (document.getElementById("path-shown").checked) {
      const place = new Map(order.map((row, at) => [pes[row], at]));
      let before = null, open = null;
      const { kind, pe, first, cycles: length } = data.path;
      for (let k = 0; k < kind.length; k++) {
        if (kind[k] === 0 || !place.has(pe[k])) continue;
        const y = place.get(pe[k]), left = first[k] - 0.5, right = left + length[k];
        if (open && open.y === y && open.right === left) { open.right = right; continue; }
        if (open) { add(open.left, open.y, open.right, open.y); before = open; }
        if (before && before.y !== y) add(before.right, before.y, left, y);
        open = { left, right, y };
      }
      if (open) add(open.left, open.y, open.right, open.y);
    }
    model.path.data = lines;
  }

  function moved() {
    if (!waiting && order) { waiting = true; requestAnimationFrame(draw); }
  }

  // --- reading a cell

  // Numbers in order as words: "0 to 3, 7 and 9".
  function listed(numbers) {
    const runs = [];
    for (const one of numbers) {
      const last = runs[runs.length - 1];
      if (last && last[1] === one - 1) last[1] = one; else runs.push([one, one]);
    }
    const words = runs.flatMap(([from, to]) => (to > from + 1 ? [`${from} to ${to}`] : to > from ? [`${from}`, `${to}`] : [`${from}`]));
    return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}` : words[0];
  }

  // Whose queues are full in a cycle that holds a broadcast back.
  function fullAt(cycle) {
    const first = stalls[cycle - firstCycle] * data.machinePes, found = [];
    for (let pe = 0; pe < data.machinePes; pe++) if ((full[(first + pe) >> 3] >> ((first + pe) & 7)) & 1) found.push(pe);
    return found;
  }

  function lnzdAt(cycle) {
    const what = lane[cycle - firstCycle];
    if (what === hasEnded) return "the LNZD has ended its scan";
    if (what === findsNone) return "the LNZD finds no non-zero activation (a scan bubble)";
    let k = 0;
    while (k < sent && data.broadcast.cycle[k] < cycle) k++;
    const column = data.broadcast.column[k];
    if (what === sends) return `the LNZD broadcasts column ${column}`;
    const those = fullAt(cycle);
    const whose = those.length === 1 ? `the queue of PE ${those[0]} is full`
      : those.length === data.machinePes ? `all ${number(those.length)} queues are full` : `the queues of PEs ${listed(those)} are full`;
    return `the LNZD would broadcast column ${column}, but ${whose}` +
      (those.length > 1 ? ` (PE ${what}'s to the last, so the stall is charged to it)` : "");
  }

  function pathAt(cycle) {
    const { kind, pe, column, first } = data.path;
    let low = 0, high = first.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (first[middle] <= cycle) low = middle; else high = middle;
    }
    if (kind[low] === 0) return "the scan";
    return kind[low] === 1 ? `PE ${pe[low]} walks column ${column[low]}` : `the pipeline of PE ${pe[low]}`;
  }

  function waitedFor(row, cycle) {
    const at = row * cycles + cycle - firstCycle, next = begun[at];
    if (state[at] !== 0) {
      return held[at] ? `${held[at]} column${held[at] > 1 ? "s wait" : " waits"} in its queue` : "its queue is empty";
    }
    if (next >= sent) return "nothing more comes";
    const column = data.broadcast.column[next], b = data.broadcast.cycle[next];
    if (b < cycle) return `it waits for column ${column}, which is in its first cycle in the queue`;
    if (b === cycle) return `it waits for column ${column}, which is broadcast in this cycle`;
    return `it waits for column ${column}, which is broadcast in cycle ${number(b)}`;
  }

  function describe(row, cycle) {
    const at = row * cycles + cycle - firstCycle, lines = [`PE ${pes[row]}, cycle ${number(cycle)}: ${data.states[state[at]]}`];
    if (state[at] !== 0) {
      const k = begun[at] - 1;
      let left = at, right = at;
      const low = row * cycles, high = low + cycles;
      while (left > low && begun[left - 1] === begun[at] && state[left - 1] !== 0) left--;
      while (right + 1 < high && begun[right + 1] === begun[at] && state[right + 1] !== 0) right++;
      // A column at the window's edge may go on outside it.
      const entries = state[at] === 3 ? 0 : left === low ? data.entriesAtStart[row]
        : right + 1 === high ? data.entriesAtEnd[row] : right - left + 1;
      lines.push(`column ${data.broadcast.column[k]}, activation ${data.broadcast.activation[k]}, ` +
        (entries ? `${entries} entr${entries === 1 ? "y" : "ies"} here` : "no entry here") +
        `, broadcast in cycle ${number(data.broadcast.cycle[k])}`);
    }
    lines.push(`queue: ${held[at]} of ${number(data.depth)} places taken`);
    lines.push(waitedFor(row, cycle), lnzdAt(cycle), `critical path here: ${pathAt(cycle)}`);
    if (cellsWide > 1 || cellsHigh > 1) {
      const first = firstCycle + Math.floor((cycle - firstCycle) / cellsWide) * cellsWide;
      const last = Math.min(end, first + cellsWide) - 1, share = new Array(states).fill(0);
      for (let t = first; t <= last; t++) share[state[row * cycles + t - firstCycle]]++;
      const parts = data.states.map((name, k) => [name, share[k]]).filter(([, n]) => n)
        .map(([name, n]) => `${name} ${(100 * n / (last - first + 1)).toFixed(0)} %`);
      lines.push(`cycles ${number(first)} to ${number(last)}: ${parts.join(", ")}`);
    }
    lines.push(`in view: ${data.states.map((name, k) => `${name} ${number(visible.counts[row][k])}`).join(", ")}; ` +
      `stall caused ${number(visible.stall[row])}`);
    return lines;
  }

  function show(lines) {
    const details = document.getElementById("details");
    details.replaceChildren(...lines.map((line, k) => {
      const paragraph = document.createElement("p");
      if (k === 0) { paragraph.append(document.createElement("strong")); paragraph.firstChild.textContent = line; }
      else paragraph.textContent = line;
      return paragraph;
    }));
  }

  function cellAt(name, x, y) {
    const cycle = Math.round(name === "bars" ? (picked ? picked.cycle : firstCycle) : x), place = Math.round(y);
    if (cycle < firstCycle || cycle >= end) return null;
    if (name === "lnzd") return { cycle, row: null };
    return place < 0 || place >= rows ? null : { cycle, row: order[place] };
  }

  function mousemove(name, x, y) {
    const cell = order && cellAt(name, x, y);
    if (!cell) return;
    show(cell.row === null ? [`cycle ${number(cell.cycle)}`, lnzdAt(cell.cycle)] : describe(cell.row, cell.cycle));
  }

  function pick(row, cycle) {
    picked = { row, cycle };
    document.getElementById("go").value = cycle;
    const { start, end: stop } = model.cycles, half = (stop - start) / 2;
    if (cycle < start || cycle > stop) view(cycle - half, cycle + half);
    model.picked.data = { x: [cycle], y: [order.indexOf(row)] };
    show(describe(row, cycle));
  }

  function tap(name, x, y) {
    const cell = order && cellAt(name, x, y);
    if (!cell) return;
    if (cell.row === null) mousemove(name, x, y);
    else pick(cell.row, cell.cycle);
  }

  // --- controls

  function view(from, to) {
    const least = Math.min(8, cycles), width = Math.max(least, Math.min(cycles, to - from));
    const start = Math.min(Math.max(from, firstCycle - 0.5), end - 0.5 - width);
    model.cycles.setv({ start, end: start + width });
  }

  function zoom(factor) {
    const { start, end: stop } = model.cycles, at = picked ? picked.cycle : (start + stop) / 2;
    const middle = Math.min(Math.max(at, start), stop), width = (stop - start) * factor;
    view(middle - width * (middle - start) / (stop - start), middle + width * (stop - middle) / (stop - start));
  }

  function move(share) {
    const width = model.cycles.end - model.cycles.start;
    view(model.cycles.start + share * width, model.cycles.end + share * width);
  }

  function sort(by) {
    const keys = by === "number" ? pes.map((pe) => -pe)
      : by === "stall" ? visible.stall : visible.counts.map((counts) => counts[Number(by)]);
    order = pes.map((_, row) => row).sort((a, b) => keys[b] - keys[a] || pes[a] - pes[b]);
    for (const name of ["state", "queue", "bars"]) {
      const axis = model[name].left[0];
      const step = Math.max(1, Math.ceil(rows / 16)), ticks = [];
      for (let place = 0; place < rows; place += step) ticks.push(place);
      axis.ticker.setv({ ticks });
      axis.major_label_overrides = new Map(ticks.map((place) => [place, `${pes[order[place]]}`]));
    }
    if (picked) model.picked.data = { x: [picked.cycle], y: [order.indexOf(picked.row)] };
    moved();
  }

  function key(id, chips) {
    document.getElementById(id).replaceChildren(...chips.map(([colour, text]) => {
      const chip = document.createElement("span"), box = document.createElement("i");
      box.style.background = colour;
      chip.append(box, text);
      return chip;
    }));
  }

  function dress() {
    theme = eiesimTheme.dark() ? dark : light;
    for (const name of ["state", "bars", "lnzd", "queue"]) eiesimTheme.dress(model[name]);
    model.bars.renderers[3].glyph.fill_color = { value: theme.starved };
    model.bars.renderers[3].glyph.line_color = { value: theme.starved };
    key("states-key", data.states.map((name, k) => [k ? data.colours[k] : theme.starved, name]));
    const caused = new Map();
    for (let k = 0; k < sent; k++) {
      const pe = data.broadcast.blocker[k];
      if (pe >= 0) caused.set(pe, (caused.get(pe) || 0) + data.broadcast.stall[k]);
    }
    const others = [...caused].filter(([pe]) => !data.worst.pe.includes(pe)).reduce((sum, [, n]) => sum + n, 0);
    key("blockers-key", [
      [theme.broadcast, "broadcast"], [data.bubble, "scan bubble"], [theme.ended, "scan has ended"],
      ...data.worst.pe.map((pe, k) => [data.worst.colours[k], `PE ${pe}: ${number(caused.get(pe))} stall cycles`]),
      ...(others ? [[data.worst.other, `other PEs: ${number(others)}`]] : []),
    ]);
    key("queue-key", scale.map((colour, k) => [`rgb(${colour})`, k === 0 ? "0" : k === scale.length - 1 ? number(most) : ""]));
    moved();
  }

  function wire() {
    const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
    on("zoom-in", "click", () => zoom(0.5));
    on("zoom-out", "click", () => zoom(2));
    on("left", "click", () => move(-0.25));
    on("right", "click", () => move(0.25));
    on("all", "click", () => view(firstCycle - 0.5, end - 0.5));
    on("sort", "change", (event) => sort(event.target.value));
    on("path-shown", "change", moved);
    on("go", "change", (event) => {
      const asked = event.target.valueAsNumber;
      if (Number.isNaN(asked)) { event.target.value = picked ? picked.cycle : ""; return; }
      const cycle = Math.min(end - 1, Math.max(firstCycle, Math.round(asked)));
      pick(picked ? picked.row : order[0], cycle);
      view(cycle - 60, cycle + 60);
    });
    on("theme", "click", eiesimTheme.toggle);
    eiesimTheme.onChange(dress);
    addEventListener("resize", moved);
    addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input[type=number]")) event.target.blur(); // keys work again
      if (event.target.matches("input[type=number], select") || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = (down, on) => {
        // The first step goes to the first cycle in sight: to cycle 1 on a page just opened.
        if (!picked) { pick(order[0], Math.max(firstCycle, Math.ceil(model.cycles.start))); return; }
        const place = Math.min(rows - 1, Math.max(0, order.indexOf(picked.row) + down));
        pick(order[place], Math.min(end - 1, Math.max(firstCycle, picked.cycle + on)));
      };
      const actions = {
        "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => view(firstCycle - 0.5, end - 0.5),
        ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), ArrowUp: () => step(-1, 0), ArrowDown: () => step(1, 0),
        ",": () => step(0, -1), ".": () => step(0, 1), p: () => document.getElementById("path-shown").click(),
      };
      if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
    });
  }

  async function ready() {
    while (!(window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle)) await new Promise((done) => setTimeout(done, 20));
    const page = Bokeh.documents[0];
    model = {};
    for (const name of ["state", "bars", "lnzd", "queue", "cycles", "places", "bar-range", "path", "picked", "bars-data",
      "state-image", "lnzd-image", "queue-image"]) model[name] = page.get_model_by_name(name);
    await unpack();
    order = pes.map((_, row) => row);
    document.getElementById("go").setAttribute("min", firstCycle);
    document.getElementById("go").setAttribute("max", end - 1);
    wire();
    dress();
    draw();
    sort("number");
    eiesimTheme.letScroll(document);
    fitFrame();
    window.eiesimTrace.ready = true;
  }

  // In a notebook's cell: as high as the page is, so that the cell has no scroll bar of its own.
  function fitFrame() {
    let frame = null;
    try { frame = window.frameElement; } catch { return; } // a frame of another origin stays as it is
    if (!frame) return;
    document.documentElement.style.overflowY = "hidden";
    new ResizeObserver(() => { frame.style.height = `${Math.ceil(document.body.getBoundingClientRect().height) + 2}px`; }).observe(document.body);
  }

  window.eiesimTrace = { moved, mousemove, tap, ready: false, cellsWide: () => cellsWide };
  ready();
})();
