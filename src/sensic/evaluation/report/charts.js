"use strict";
// Elements, scales and charts in SVG; nothing here knows what is drawn. Text goes in as text, never as markup.

function make(space, tag, attributes, children) {
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
const html = (tag, attributes, ...children) => make("http://www.w3.org/1999/xhtml", tag, attributes, children);
const svg = (tag, attributes, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);

// A function from [low, high] to [from, to], with the ticks that fit in between.
function scale(low, high, from, to, log = false) {
  const room = to < from ? (log ? 24 : 32) : 46; // pixels that a tick needs, upwards or sideways
  const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
  const place = (value) => from + ((log ? Math.log(value) : value) - a) / (b - a || 1) * (to - from);
  const count = Math.max(2, Math.floor(Math.abs(to - from) / room));
  place.ticks = log ? logTicks(low, high, count) : linearTicks(low, high, count);
  return place;
}

function linearTicks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

function logTicks(low, high, count) {
  for (const mantissas of [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const m of mantissas) ticks.push(+(m * 10 ** e).toPrecision(3));
    const inside = ticks.filter((t) => t >= low * 0.999 && t <= high * 1.001);
    if (inside.length <= count && inside.length > 1) return inside;
  }
  return [low, high].map((v) => +v.toPrecision(2));
}

// The span of values, with a little air.
function extent(values, log = false, air = 0.05) {
  const low = Math.min(...values), high = Math.max(...values);
  if (log) return [low / (high / low || 1) ** air / 1.02, high * (high / low || 1) ** air * 1.02];
  const room = (high - low || Math.abs(high) || 1) * air;
  return [low - room, high + room];
}

const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (r) => `M0,${-1.2 * r}L${1.15 * r},${r}H${-1.15 * r}z`,
  (r) => `M0,${-1.35 * r}L${1.35 * r},0L0,${1.35 * r}L${-1.35 * r},0z`,
  (r) => `M0,${1.2 * r}L${1.15 * r},${-r}H${-1.15 * r}z`,
];
const marker = (style, x, y, r = 3.4) =>
  svg("path", { d: SHAPES[style % SHAPES.length](r), transform: `translate(${x.toFixed(1)},${y.toFixed(1)})` });

// Axes and lines. series: [{name, style, strong, points: [{x, y, ...}]}]. options: width, height, xLabel, yLabel, xLog, yLog,
// markers, step, names. Returns the drawing; its .near(x, y) is the nearest point, its .column(x) what all series have at one x.
function lineChart(series, options) {
  const { width, height, xLog, yLog } = options;
  const box = { left: 48, right: width - (options.names ? 120 : 12), top: 10, bottom: height - (options.xLabel ? 36 : 14) };
  const all = series.flatMap((s) => s.points);
  const x = scale(...(options.xRange || extent(all.map((p) => p.x), xLog)), box.left, box.right, xLog);
  const y = scale(...extent(all.map((p) => p.y), yLog, 0.07), box.bottom, box.top, yLog);
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": options.label });
  for (const tick of x.ticks) {
    drawing.append(svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: box.top, y2: box.bottom }));
    if (options.xLabel) drawing.append(svg("text", { x: x(tick), y: box.bottom + 15, "text-anchor": "middle" }, short(tick)));
  }
  for (const tick of y.ticks) {
    drawing.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }));
    drawing.append(svg("text", { x: box.left - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  if (options.xLabel)
    drawing.append(svg("text", { class: "label", x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle" }, options.xLabel));
  drawing.append(svg("text", { class: "label", transform: `translate(11,${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, options.yLabel));
  const placed = [];
  for (const one of [...series].reverse()) {
    const spots = one.points.map((p) => [x(p.x), y(p.y), p]);
    const at = ([px, py], i) => (i && options.step ? `H${px.toFixed(1)}V${py.toFixed(1)}` : `${i ? "L" : "M"}${px.toFixed(1)},${py.toFixed(1)}`);
    const path = spots.map(at).join("") + (options.step ? `H${x(spots.at(-1)[2].x + 1).toFixed(1)}` : "");
    const group = svg("g", { class: one.strong ? "line strong" : "line", style: `--c: var(--c${one.style % 10})` });
    group.append(svg("path", { class: "stroke", d: path }));
    if (options.markers) for (const [px, py] of spots) group.append(marker(one.style, px, py));
    drawing.append(group);
    placed.push(...spots.map(([px, py, point]) => ({ x: px, y: py, point, series: one })));
  }
  if (options.names) drawing.append(...lineNames(placed, box.right + 8));
  drawing.near = (px, py) => placed.reduce((best, p) => {
    const d = Math.hypot(p.x - px, p.y - py);
    return d < best.d ? { ...p, d } : best;
  }, { d: 32 });
  drawing.column = (px) => {
    const nearest = placed.reduce((best, p) => (Math.abs(p.x - px) < Math.abs(best - px) ? p.x : best), Infinity);
    return { x: nearest, spots: placed.filter((p) => p.x === nearest).reverse() };
  };
  drawing.area = box;
  return drawing;
}

// The names of lines beside their ends, moved apart where they would touch.
function lineNames(placed, x) {
  const ends = Object.values(Object.fromEntries(placed.map((p) => [p.series.name, p]))).sort((a, b) => a.y - b.y);
  let last = -Infinity;
  return ends.map((end) => {
    last = Math.max(end.y + 4, last + 15);
    return svg("text", { class: "end", x, y: last, style: `--c: var(--c${end.series.style % 10})` }, end.series.name);
  });
}

const short = (value) => (value && Math.abs(value) < 1 ? String(+value.toPrecision(3)) : value >= 1e4 ? `${+(value / 1e3).toPrecision(4)}k` : String(+value.toPrecision(5)));

// Where the pointer is in the drawing's own units.
function pointer(drawing, event) {
  const frame = drawing.getBoundingClientRect();
  const view = drawing.viewBox.baseVal;
  return [(event.clientX - frame.left) / frame.width * view.width, (event.clientY - frame.top) / frame.height * view.height];
}

const tip = document.getElementById("tip");
function showTip(event, ...lines) {
  tip.replaceChildren(...lines);
  (document.querySelector("dialog[open]") || document.body).append(tip); // a modal dialog is above everything outside it
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 18}px`;
}
const hideTip = () => { tip.hidden = true; };
