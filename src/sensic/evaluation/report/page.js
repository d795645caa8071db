"use strict";
// The page: what is chosen, and what is drawn of it.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const styleOf = Object.fromEntries(data.coders.map((coder, i) => [coder.name, i]));
const state = {
  metric: data.metrics[0], anchor: data.anchor, clip: 0, level: null, unit: "bpp", hidden: new Set(),
  frame: 0, left: null, right: null, wipe: 50, difference: false,
};

const percent = (value) => (value === null ? "none" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}%`);
const label = (name) => data.labels[name] || { label: name, unit: "", higher: true };
const titled = (name) => [label(name).label, label(name).unit].filter(Boolean).join(", ");
const heading = (name) => (name.endsWith("_p5") ? `${label(name.slice(0, -3)).label}, 5th percentile` : titled(name));
const digits = (name, value) => (label(name).unit === "dB" ? 2 : Math.abs(value) <= 1 ? 4 : 2);
const figure = (name, value) => (value === undefined || value === null ? "–" : value.toFixed(digits(name, value)));
const swatch = (coder) => html("i", { class: "swatch", style: `background: var(--c${styleOf[coder] % 10})` });
const coders = () => data.coders.map((coder) => coder.name);
const shown = () => coders().filter((coder) => !state.hidden.has(coder));
const clip = () => data.clips[state.clip];
const rate = (point) => `${point.kbps >= 100 ? point.kbps.toFixed(0) : point.kbps.toPrecision(3)} kbit/s`;
const amount = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");

function fill(select, options, value, change) {
  select.replaceChildren(...options.map(([key, text]) => html("option", { value: key, selected: String(key) === String(value) }, text)));
  select.onchange = () => { change(select.value); draw(); };
}

// --- bytes at equal quality -------------------------------------------------------------------------------------------

const others = () => coders().filter((coder) => coder !== state.anchor);
const column = (coder) => data.deltas[state.metric]?.[state.anchor]?.[coder] || { cells: [], mean: null, payload: null };

function drawStrip() {
  const rows = others();
  const ratio = (value) => 1 + value / 100;
  const values = rows.flatMap((coder) => column(coder).cells.map((cell) => cell.percent)).filter((v) => v !== null);
  if (!values.length) return $("strip").replaceChildren(html("p", { class: "note" }, "No two curves can be compared over this metric."));
  const width = $("strip").clientWidth || 900, line = 34, top = 24, height = top + rows.length * line + 8;
  const name = Math.min(190, width * 0.3), right = width - 84;
  const [low, high] = extent([1, ...values.map(ratio)], true, 0.04);
  const x = scale(low, high, name, right, true);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `BD-rate of every coder against ${state.anchor}` });
  const steps = [-95, -90, -80, -70, -60, -50, -40, -30, -20, -10, 0, 10, 25, 50, 75, 100, 150, 200, 300, 400, 600, 900, 1900, 4900];
  let last = -Infinity;
  const zero = x(1);
  for (const step of steps.filter((s) => ratio(s) > low && ratio(s) < high)) {
    const px = x(ratio(step));
    const crowded = px - last < 52 || (step !== 0 && Math.abs(px - zero) < 52);
    if (crowded && step !== 0) continue;
    last = px;
    chart.append(svg("line", { class: step ? "grid" : "zero", x1: px, x2: px, y1: top - 4, y2: height }));
    chart.append(svg("text", { x: px, y: 12, "text-anchor": "middle" }, step ? percent(step).replace(".0%", "%") : "anchor"));
  }
  rows.forEach((coder, i) => {
    const y = top + (i + 0.5) * line, found = column(coder);
    const group = svg("g", { class: "row", style: `--c: var(--c${styleOf[coder] % 10})` });
    group.append(svg("text", { class: "name", x: 0, y: y + 4 }, coder));
    found.cells.forEach((cell, c) => {
      if (cell.percent === null) return;
      const dot = marker(styleOf[coder], x(ratio(cell.percent)), y, 5);
      dot.setAttribute("class", "dot");
      dot.addEventListener("pointermove", (event) => showTip(event, html("b", {}, data.clips[c].name), html("div", {}, `${coder}: ${percent(cell.percent)}`)));
      dot.addEventListener("pointerleave", hideTip);
      group.append(dot);
    });
    if (found.mean !== null) group.append(svg("rect", { class: "mean", x: x(ratio(found.mean)) - 1.5, y: y - 12, width: 3, height: 24 }));
    group.append(svg("text", { class: "total", x: width - 2, y: y + 4, "text-anchor": "end" }, found.mean === null ? "no mean" : percent(found.mean)));
    chart.append(group);
  });
  $("strip").replaceChildren(chart);
}

function deltaCell(cell) {
  if (cell.percent === null) return html("td", { class: "none", title: cell.reason }, "none", html("small", {}, cell.reason));
  const unit = label(state.metric).unit, places = unit === "dB" || cell.high > 10 ? 1 : 3;
  const weight = Math.min(45, Math.round(Math.abs(Math.log2(1 + cell.percent / 100)) * 30));
  const tint = `background: color-mix(in srgb, var(--${cell.percent < 0 ? "fewer" : "more"}) ${weight}%, transparent)`;
  const span = `${cell.low.toFixed(places)}–${cell.high.toFixed(places)} ${unit}`;
  return html("td", { style: tint }, percent(cell.percent), html("small", {}, `${percent(cell.payload)} · ${span}`));
}

function drawDeltas() {
  const names = others();
  const head = html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "clip"), names.map((coder) => html("th", { scope: "col" }, swatch(coder), coder))));
  const rows = data.clips.map((one, i) => html("tr", {}, html("th", { scope: "row" }, one.name), names.map((coder) => deltaCell(column(coder).cells[i] || { percent: null, reason: "not measured" }))));
  const means = html("tr", { class: "means" }, html("th", { scope: "row" }, "mean"), names.map((coder) => {
    const { mean, payload } = column(coder);
    return html("td", {}, mean === null ? "none" : percent(mean), html("small", {}, mean === null ? "not every clip has a figure" : percent(payload)));
  }));
  $("deltas").replaceChildren(head, html("tbody", {}, rows, means));
}

// --- rate and quality ---------------------------------------------------------------------------------------------------

function drawLegend() {
  $("legend").replaceChildren(...coders().map((coder) => html("button", {
    type: "button", "aria-pressed": String(!state.hidden.has(coder)), style: `--c: var(--c${styleOf[coder] % 10})`,
    onclick: () => { state.hidden.has(coder) ? state.hidden.delete(coder) : state.hidden.add(coder); draw(); },
  }, svg("svg", { width: 26, height: 12, "aria-hidden": "true", class: "key" }, svg("path", { class: "stroke", d: "M1,6H25" }), marker(styleOf[coder], 13, 6, 4)), coder, coder === state.anchor ? html("em", {}, "anchor") : null)));
}

function curvesOf(one, width, height, names = false) {
  const series = shown().filter((coder) => one.coders[coder]).map((coder) => ({
    name: coder, style: styleOf[coder], strong: data.coders[styleOf[coder]].ours,
    points: one.coders[coder].filter((p) => p.metrics[state.metric] !== undefined).map((p) => ({ x: p[state.unit], y: p.metrics[state.metric], point: p })),
  })).filter((one) => one.points.length);
  if (!series.length) return html("p", { class: "note" }, "no measurement");
  const chart = lineChart(series, {
    width, height, names, xLog: true, markers: true, label: `${titled(state.metric)} over rate, ${one.name}`,
    xLabel: state.unit === "bpp" ? "bits per pixel" : "kbit/s", yLabel: titled(state.metric),
  });
  chart.addEventListener("pointerleave", hideTip);
  chart.addEventListener("pointermove", (event) => {
    const near = chart.near(...pointer(chart, event));
    if (!near.point) return hideTip();
    const p = near.point.point;
    showTip(event, html("b", {}, swatch(near.series.name), near.series.name), html("div", {}, `setting ${p.setting}`),
      html("div", {}, `${figure(state.metric, p.metrics[state.metric])} ${label(state.metric).unit} ${label(state.metric).label}`),
      html("div", {}, `${p.bpp.toPrecision(3)} bits per pixel · ${rate(p)} · ${amount(p.file)} bytes`),
      p.encode === null ? null : html("div", {}, `${p.encode.toFixed(1)} / ${p.decode.toFixed(1)} frames/s`));
  });
  return chart;
}

function drawPanels() {
  $("panels").replaceChildren(...data.clips.map((one, i) => {
    const enlarge = html("button", { type: "button", class: "title", onclick: () => { state.clip = i; draw(); openLarge(one); } }, one.name);
    return html("figure", { class: "panel" }, html("figcaption", {}, enlarge), curvesOf(one, 372, 264));
  }));
}

function openLarge(one) {
  const dialog = $("large");
  dialog.querySelector("h3").textContent = one.name;
  dialog.showModal();
  const room = dialog.querySelector("div");
  room.replaceChildren(curvesOf(one, room.clientWidth || 900, Math.min(560, innerHeight - 150), true));
}

// --- one clip -----------------------------------------------------------------------------------------------------------

// Each coder at the file size nearest to that of the anchor's chosen point, by ratio.
function atLevel() {
  const points = clip()?.coders[state.anchor] || Object.values(clip()?.coders || {})[0] || [];
  const level = points[state.level ?? Math.floor(points.length / 2)] || points[Math.floor(points.length / 2)];
  if (!level) return [];
  const distance = (p) => Math.abs(Math.log(p.file / level.file));
  return shown().filter((coder) => clip().coders[coder]).map((coder) => {
    const point = clip().coders[coder].reduce((best, p) => (distance(p) < distance(best) ? p : best));
    return { coder, point, ratio: point.file / level.file };
  });
}

const chosen = ({ coder, point, ratio }) => `${coder} at ${point.setting}: ${rate(point)}${Math.abs(ratio - 1) > 0.1 ? ` (${ratio.toFixed(2)}× the anchor’s bytes)` : ""}`;

function drawTime() {
  const picked = atLevel();
  const has = (name) => picked.some(({ point }) => point.frames[name]?.length > 1);
  const quality = [state.metric, "psnr_y", ...data.metrics].find(has);
  const charts = [["bits", "kbit per frame", true], [quality, quality ? titled(quality) : "", false]].filter(([name]) => name && has(name)).map(([name, title, log], i, all) => {
    const series = picked.filter(({ point }) => point.frames[name]?.length).map(({ coder, point }) => ({
      name: coder, style: styleOf[coder], strong: data.coders[styleOf[coder]].ours,
      points: point.frames[name].map((value, t) => ({ x: t, y: name === "bits" ? Math.max(value, 1) / 1000 : value })),
    }));
    return lineChart(series, { width: $("time").clientWidth || 900, height: i === all.length - 1 ? 230 : 190, yLog: log, step: log, xRange: [0, clip().frames], label: `${title} over time`, yLabel: title, xLabel: i === all.length - 1 ? "frame" : null });
  });
  const note = [...picked.map(chosen)].join(" · ");
  $("time-note").textContent = charts.length ? `${note}.${quality && quality !== state.metric ? ` ${label(state.metric).label} was not kept per frame; this is ${label(quality).label}.` : ""}` : "Nothing was kept per frame.";
  for (const chart of charts) crosshair(chart, charts);
  $("time").replaceChildren(...charts);
}

function crosshair(chart, charts) {
  chart.addEventListener("pointerleave", () => { hideTip(); charts.forEach((c) => c.querySelector(".cross")?.remove()); });
  chart.addEventListener("pointermove", (event) => {
    const { x, spots } = chart.column(pointer(chart, event)[0]);
    charts.forEach((c) => {
      c.querySelector(".cross")?.remove();
      c.append(svg("line", { class: "cross", x1: x, x2: x, y1: c.area.top, y2: c.area.bottom }));
    });
    showTip(event, html("b", {}, `frame ${spots[0].point.x}`), ...spots.map((s) => html("div", {}, swatch(s.series.name), `${s.series.name} ${s.point.y.toPrecision(4)}`)));
  });
}

function drawPoints() {
  const found = Object.entries(clip()?.coders || {}).flatMap(([coder, points]) => points.map((point) => [coder, point]));
  const measured = [...new Set(found.flatMap(([, point]) => Object.keys(point.metrics)))];
  const spread = [`${state.metric}_worst`, `${state.metric}_p5`];
  const rest = measured.filter((name) => !data.metrics.includes(name) && !/_(worst|p5)$/.test(name));
  const names = [...data.metrics, ...spread, ...rest].filter((name) => measured.includes(name));
  const head = ["coder", "setting", "kbit/s", "bits/pixel", "file bytes", "payload bytes", ...names.map(heading), "encode frames/s", "decode frames/s"];
  const rows = found.map(([coder, p], i) => html("tr", { class: found[i - 1]?.[0] === coder ? null : "first" },
    html("th", { scope: "row" }, swatch(coder), coder),
    [p.setting, p.kbps.toPrecision(4), p.bpp.toPrecision(3), amount(p.file), amount(p.payload), ...names.map((name) => figure(name, p.metrics[name])), p.encode?.toFixed(1) ?? "–", p.decode?.toFixed(1) ?? "–"].map((text) => html("td", {}, String(text)))));
  $("points").replaceChildren(html("thead", {}, html("tr", {}, head.map((text) => html("th", { scope: "col" }, text)))), html("tbody", {}, rows));
}

function drawClip() {
  fill($("clip-name"), data.clips.map((one, i) => [i, one.name]), state.clip, chooseClip);
  const points = clip()?.coders[state.anchor] || [];
  const level = state.level ?? Math.floor(points.length / 2);
  fill($("level"), points.map((p, i) => [i, `setting ${p.setting} · ${rate(p)}`]), level, (value) => { state.level = +value; });
  $("clip-facts").textContent = clip() ? `${clip().width}×${clip().height}, ${clip().frames} frames at ${clip().rate} frames/s, ${clip().depth} bits.` : "";
  drawTime();
  drawPoints();
}

const chooseClip = (value) => { state.clip = +value; state.level = null; state.frame = 0; };

function drawCommands() {
  $("commands").replaceChildren(...data.coders.map((coder) => html("details", {},
    html("summary", {}, swatch(coder.name), html("b", {}, coder.name), " ", coder.version),
    html("pre", {}, (clip()?.coders[coder.name] || []).map((p) => [`# setting ${p.setting}`, ...p.commands].join("\n")).join("\n\n") || "none was kept"))));
}

// --- look for yourself ----------------------------------------------------------------------------------------------------

function drawWipe() {
  const names = Object.keys(data.pictures);
  if (!names.length) return $("wipe").replaceChildren(html("p", { class: "note" }, "No pictures were kept with these results."));
  const select = (text, options, value, change) => { const s = html("select", {}); fill(s, options, value, change); return html("label", {}, `${text} `, s); };
  const clips = select("Clip", data.clips.map((one, i) => [i, one.name]), state.clip, chooseClip);
  const frames = data.pictures[clip().name];
  if (!frames) return $("wipe").replaceChildren(html("div", { class: "row" }, clips), html("p", { class: "note" }, "No pictures were kept of this clip."));
  const frame = frames[state.frame] || frames[0];
  const available = Object.keys(frame.images);
  const side = (wanted, ...preferred) => [wanted, ...preferred, ...available].find((name) => available.includes(name));
  state.left = side(state.left, ...coders().filter((c) => data.coders[styleOf[c]].ours), ...coders());
  state.right = side(state.right, ...(state.left === data.anchor ? ["source"] : [data.anchor]), "source");
  const options = available.map((name) => [name, name]);
  const buttons = frames.map((f, i) => html("button", { type: "button", "aria-pressed": String(f === frame), onclick: () => { state.frame = i; draw(); } }, `frame ${f.index}`));
  const toggle = html("button", { type: "button", "aria-pressed": String(state.difference), onclick: () => { state.difference = !state.difference; drawWipe(); } }, "difference ×4");
  $("wipe").replaceChildren(
    html("p", { class: "note" }, `Every coder at the file size nearest to that of ${data.anchor} in the middle of its curve; lossless, cut to the place where the pictures differ most. Drag the line, or use the arrow keys; Flip changes sides at once.`),
    html("div", { class: "row" }, clips, select("Left", options, state.left, (v) => { state.left = v; }), select("Right", options, state.right, (v) => { state.right = v; }),
      html("span", { class: "buttons", role: "group", "aria-label": "Frame" }, buttons), html("button", { type: "button", id: "flip", onclick: () => moveWipe(state.wipe < 50 ? 100 : 0) }, "Flip"), toggle),
    stage(frame), place(frame));
  moveWipe(state.wipe);
}

function caption(name, image) {
  if (image.kbps === undefined) return [html("b", {}, name)];
  const facts = [`at ${image.setting}`, rate(image), image.psnr_y === null ? null : `${image.psnr_y.toFixed(2)} dB`, Math.abs(image.ratio - 1) > 0.005 ? `${image.ratio.toFixed(2)}× the anchor’s bytes` : null];
  return [html("b", {}, name), ` ${facts.filter(Boolean).join(" · ")}`];
}

function stage(frame) {
  const [left, right] = [frame.images[state.left], frame.images[state.right]];
  const picture = (image, name, side) => html("img", { src: image.uri, class: side, alt: `${name}, frame ${frame.index}`, draggable: "false" });
  return html("figure", { class: `stage${state.difference ? " difference" : ""}`, id: "stage", style: `aspect-ratio: ${frame.box[2]} / ${frame.box[3]}; --width: ${frame.box[2]}px; --shape: ${frame.box[2] / frame.box[3]}` },
    html("div", { class: "pictures" }, picture(right, state.right, "below"), picture(left, state.left, "above")), html("div", { class: "handle", "aria-hidden": "true" }),
    html("span", { class: "tag left" }, caption(state.left, left)), html("span", { class: "tag right" }, caption(state.right, right)),
    html("input", { type: "range", id: "wipe-slider", min: 0, max: 100, step: 1, value: state.wipe, "aria-label": `Wipe between ${state.left} and ${state.right}`, oninput: (event) => moveWipe(+event.target.value) }));
}

function moveWipe(value) {
  state.wipe = value;
  $("stage").style.setProperty("--wipe", `${value}%`);
  $("wipe-slider").value = value;
}

function place(frame) {
  const [left, top, width, height] = frame.box, one = clip();
  const part = (value, whole) => `${(100 * value / whole).toFixed(2)}%`;
  return html("figure", { class: "place" }, html("div", {}, html("img", { src: frame.thumbnail, alt: `Frame ${frame.index} of ${one.name}, small` }),
    html("i", { style: `left: ${part(left, one.width)}; top: ${part(top, one.height)}; width: ${part(width, one.width)}; height: ${part(height, one.height)}` })),
  html("figcaption", {}, `frame ${frame.index} of ${one.frames}; ${width}×${height} samples at ${left}, ${top}`));
}

// --- everything -----------------------------------------------------------------------------------------------------------

function draw() {
  hideTip();
  document.querySelectorAll("[data-text=anchor]").forEach((e) => { e.textContent = state.anchor; });
  document.querySelectorAll("[data-text=metric]").forEach((e) => { e.textContent = state.metric ? label(state.metric).label : "–"; });
  for (const part of [drawStrip, drawDeltas, drawLegend, drawPanels, drawClip, drawWipe, drawCommands]) part();
}

fill($("metric"), data.metrics.map((name) => [name, label(name).label]), state.metric, (value) => { state.metric = value; });
fill($("anchor"), coders().map((name) => [name, name]), state.anchor, (value) => { state.anchor = value; state.level = null; });
$("rate-unit").onchange = (event) => { state.unit = event.target.value; draw(); };
$("theme").onclick = () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
};
$("large").querySelector(".close").onclick = () => $("large").close();
$("large").onclick = (event) => { if (event.target === $("large")) $("large").close(); };
let resized;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(draw, 150); });
draw();
