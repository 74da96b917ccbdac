'use strict';

// The page asks for the samples that are kept, then listens to events: a state, which is shown as figures and a table,
// and a sample, which moves the plots.

const KEPT = 900;
const PLANNED = new Set(['max_requests', 'max_age', 'idle', 'memory_soft', 'goaway', 'reload', 'resize', 'stop']);
const byId = (id) => document.getElementById(id);

let samples = [];
let limits = { soft: 0, hard: 0 };
let shownSeconds = KEPT;

// Texts of values.
const number = (n) => (n >= 1e6 ? (n / 1e6).toFixed(1) + ' M' : n >= 1e4 ? (n / 1e3).toFixed(1) + ' k' : n >= 10 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(1));
const seconds = (s) => (!s ? '–' : s < 0.1 ? (s * 1e3).toPrecision(2) + ' ms' : s < 1 ? (s * 1e3).toFixed(0) + ' ms' : s.toFixed(1) + ' s');
const size = (n) => (!n ? '–' : n < 2 ** 30 ? (n / 2 ** 20).toFixed(0) + ' MiB' : (n / 2 ** 30).toFixed(1) + ' GiB');
const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
function span(s) {
  if (s < 60) return Math.floor(s) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  if (s < 172800) return Math.floor(s / 3600) + ' h';
  return Math.floor(s / 86400) + ' d';
}

function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function showState(state) {
  limits = { soft: state.pool.memory_soft_bytes, hard: state.pool.memory_hard_bytes };
  setText('about', `${state.version}, mode ${state.mode}, generation ${state.pool.generation}, up ${span(state.uptime_seconds)}`);
  showPhase(state.phase + (state.pool.reloading ? ', reloading' : ''), state.phase === 'ready' ? 'good' : 'warn');
  byId('broken').hidden = !state.reload_error;
  setText('broken', state.reload_error ? `The last reload failed, and the workers before it serve on: ${state.reload_error}` : '');
  const last = state.last_second;
  setText('rate', number(last.rate) + '/s');
  setText('p50', seconds(last.p50));
  setText('p99', seconds(last.p99));
  setText('inflight', `${state.pool.inflight} of ${state.pool.capacity}`);
  setText('queue', String(state.pool.queue));
  setText('failed', number(last.failed) + '/s');
  setText('kept', keptText(state));
  showWorkers(state.workers);
}

// keptText says how many workers there are and should be, and who decides that.
function keptText({ pool, workers }) {
  if (!pool.target) return '';
  const ready = workers.filter((w) => w.state === 'ready').length;
  const own = pool.own_min === pool.own_max ? pool.own_min : `${pool.own_min} to ${pool.own_max}`;
  if (pool.by_hand) return `${ready} of ${pool.target} ready, set by hand; “fwatchdog scale auto” returns to ${own}`;
  return `${ready} of ${pool.target} ready` + (pool.min === pool.max ? '' : `, elastic from ${own}`);
}

function showPhase(text, kind) {
  setText('phase', text);
  byId('phase').className = kind;
}

function showWorkers(workers) {
  const body = byId('workers');
  while (body.rows.length > workers.length) body.deleteRow(-1);
  workers.forEach((w, i) => fillRow(body.rows[i] || newRow(body), w));
}

function newRow(body) {
  const row = body.insertRow();
  const slot = document.createElement('th');
  slot.scope = 'row';
  row.append(slot);
  for (let i = 0; i < 9; i++) row.insertCell();
  return row;
}

function fillRow(row, w) {
  const some = w.places > 0;
  const texts = [w.slot, w.reason ? `${w.state} (${w.reason})` : w.state, some ? `${w.inflight} of ${w.places}` : '–',
    some ? number(w.requests) : '–', null, some ? (w.cpu * 100).toFixed(0) + ' %' : '–', some ? span(w.age_seconds) : '–',
    w.serial || '–', w.pid || '–', w.last_reason || '–'];
  texts.forEach((text, i) => {
    if (text !== null && row.cells[i].textContent !== String(text)) row.cells[i].textContent = text;
  });
  row.cells[1].className = w.state;
  fillMemory(row.cells[4], w.memory_bytes);
}

function fillMemory(cell, bytes) {
  const limit = limits.hard || limits.soft;
  if (!limit || !bytes) {
    cell.textContent = size(bytes);
    return;
  }
  let meter = cell.querySelector('meter');
  if (!meter) {
    meter = document.createElement('meter');
    meter.setAttribute('aria-label', 'part of the memory limit');
    cell.replaceChildren(meter, document.createElement('span'));
  }
  meter.max = limit;
  meter.high = limits.soft || limit;
  meter.value = bytes;
  meter.title = `limits: ${size(limits.soft)} soft, ${size(limits.hard)} hard`;
  cell.querySelector('span').textContent = size(bytes);
}

// Plots. Each names its series; of is a sample's value.
const PLOTS = [
  { title: 'Requests a second', text: number, series: [
    { label: 'all', of: (s) => s.rate }, { label: 'failed', of: (s) => s.failed }, { label: 'rejected', of: (s) => s.rejected }] },
  { title: 'Latency', text: seconds, series: [{ label: 'p50', of: (s) => s.p50 || null }, { label: 'p99', of: (s) => s.p99 || null }] },
  { title: 'In flight', text: number, series: [
    { label: 'in flight', of: (s) => s.inflight }, { label: 'waiting', of: (s) => s.queue }, { label: 'capacity', of: (s) => s.capacity }] },
  { title: 'Wait in line', text: seconds, series: [{ label: 'p99', of: (s) => s.wait_p99 }] },
  { title: 'Memory of each worker', text: size, perSlot: true },
  { title: 'Workers ready', text: number, series: [{ label: 'workers', of: (s) => s.workers }] },
];

function seriesOf(plot) {
  if (!plot.perSlot) return plot.series;
  const slots = Math.max(0, ...samples.map((s) => s.memory.length));
  const series = Array.from({ length: slots }, (_, i) => ({ label: `slot ${i}`, of: (s) => s.memory[i] || null }));
  if (limits.soft) series.push({ label: 'soft limit', of: () => limits.soft, dash: [4, 4] });
  if (limits.hard) series.push({ label: 'hard limit', of: () => limits.hard, dash: [8, 4] });
  return series;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let drawn = [];

// drawPlots makes the plots anew: at the start, and when theme, width or the number of series change.
function drawPlots() {
  drawn.forEach((d) => d.chart.destroy());
  byId('plots').replaceChildren();
  drawn = PLOTS.map((plot) => ({ plot, series: seriesOf(plot), place: newFigure(plot.title) }));
  for (const d of drawn) { // only now is it known how wide they are
    d.chart = new uPlot(options(d.plot, d.series, d.place.clientWidth), dataOf(d.series), d.place);
  }
  showLast();
}

function newFigure(text) {
  const figure = document.createElement('figure');
  figure.className = 'plot';
  const title = document.createElement('figcaption');
  title.textContent = text;
  const place = document.createElement('div');
  place.setAttribute('role', 'img');
  figure.append(title, place);
  byId('plots').append(figure);
  return place;
}

function options(plot, series, width) {
  const axis = { stroke: colour('--dim'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { stroke: colour('--grid') } };
  return {
    width, height: 170, cursor: { y: false, sync: { key: 'time' } }, legend: { show: series.length < 12 },
    scales: { x: { range: () => [from() / 1e3, Date.now() / 1e3] }, y: { range: (_, low, high) => [0, ceiling(high)] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((t) => clock(t * 1e3)), space: 70 },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((t) => (t === 0 ? '0' : plot.text(t))) },
    ],
    series: [{ value: (_, t) => (t ? clock(t * 1e3) : '–') }, ...series.map((s, i) => ({
      label: s.label, stroke: colour(`--c${i % 8}`), width: 1.5, dash: s.dash, auto: !s.dash, points: { show: false },
      value: (_, v) => (v == null ? '–' : v === 0 ? '0' : plot.text(v)) }))],
    hooks: { draw: [drawMarks] },
  };
}

// ceiling is where the axis ends: above the highest value, and above the memory limits where these are not far away.
function ceiling(high) {
  const near = [limits.soft, limits.hard].filter((l) => l < high * 4);
  return Math.max(high, high > 2 ** 20 ? Math.max(0, ...near) : 0) * 1.1 || 1;
}

// drawMarks draws a line wherever a worker went, with the reason beside the first of a kind.
function drawMarks(chart) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  let free = -Infinity;
  for (const s of shown()) {
    if (!s.exits) continue;
    const reasons = Object.keys(s.exits);
    const x = Math.round(chart.valToPos(s.time / 1e3, 'x', true));
    ctx.strokeStyle = ctx.fillStyle = colour(reasons.every((r) => PLANNED.has(r)) ? '--dim' : '--bad');
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const text = reasons.join(', ');
    const wide = ctx.measureText(text).width;
    const left = Math.min(x + 3, bbox.left + bbox.width - wide); // at the edge it stands before its line
    if (left > free) {
      ctx.fillText(text, left, bbox.top + 11 * devicePixelRatio);
      free = left + wide + 6;
    }
  }
  ctx.restore();
}

// from is where the plots begin: with the first sample, but for half a minute at least.
function from() {
  const first = samples.length ? samples[0].time : 0;
  return Math.max(Date.now() - shownSeconds * 1e3, Math.min(first, Date.now() - 3e4));
}

function shown() {
  const begin = from();
  return samples.filter((s) => s.time >= begin);
}

function dataOf(series) {
  const part = shown();
  return [part.map((s) => s.time / 1e3), ...series.map((one) => part.map(one.of))];
}

// showLast shows the last values below the plots, and tells them to those who do not see the plots.
function showLast() {
  const last = samples[samples.length - 1];
  if (!last) return;
  for (const { plot, series, place, chart } of drawn) {
    requestAnimationFrame(() => { // after the plot has drawn itself, which clears the legend
      if (chart.cursor.idx == null) chart.setLegend({ idx: chart.data[0].length - 1 }); // nobody points at another moment
    });
    const values = series.slice(0, 8).map((s) => `${s.label} ${plot.text(s.of(last) || 0)}`);
    place.setAttribute('aria-label', `${plot.title}: ${values.join(', ')}`);
  }
}

function movePlots() {
  if (drawn.some((d) => d.plot.perSlot && seriesOf(d.plot).length !== d.series.length)) {
    drawPlots();
    return;
  }
  drawn.forEach((d) => d.chart.setData(dataOf(d.series)));
  showLast();
}

function addSample(sample) {
  if (samples.length && samples[samples.length - 1].time >= sample.time || !sample.time) return;
  samples.push(sample);
  if (samples.length > KEPT) forget(samples.shift());
  movePlots();
  if (sample.exits) showExit(sample);
}

// showExit puts those of a sample before the others, so that who listens to the page is told of these alone.
function showExit(sample) {
  const item = document.createElement('li');
  item.textContent = clock(sample.time) + '  ' + Object.entries(sample.exits).map(([r, n]) => (n > 1 ? `${n} × ${r}` : r)).join(', ');
  if (Object.keys(sample.exits).some((r) => !PLANNED.has(r))) item.className = 'lost';
  byId('none').hidden = true;
  byId('exits').prepend(item);
}

// forget takes the exits of a sample off the list, which are its last.
function forget(sample) {
  if (!sample.exits) return;
  byId('exits').lastElementChild.remove();
  byId('none').hidden = byId('exits').children.length > 0;
}

function listen() {
  const events = new EventSource('events');
  events.addEventListener('state', (e) => showState(JSON.parse(e.data)));
  events.addEventListener('sample', (e) => addSample(JSON.parse(e.data)));
  events.onerror = () => showPhase('no connection to the instance', 'bad');
}

async function begin() {
  const [state, history] = await Promise.all(['state.json', 'history.json'].map(async (path) => (await fetch(path)).json()));
  samples = history;
  showState(state);
  drawPlots();
  samples.filter((s) => s.exits).forEach(showExit);
  listen();
  byId('span').addEventListener('change', (e) => {
    shownSeconds = Number(e.target.value);
    movePlots();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawPlots);
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== width) {
      width = innerWidth;
      drawPlots();
    }
  });
}

begin().catch((err) => showPhase(`cannot read the state: ${err.message}`, 'bad'));
