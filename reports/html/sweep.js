// SPDX-License-Identifier: Apache-2.0
// An experiment: what it asks and found, how two factors interact, which factor matters, and of chosen points the
// distributions, the parts of the latency and the blocks of an upcall.
'use strict';

const sweep = JSON.parse(document.getElementById('sweep').textContent);
const factors = sweep.factors.map(f => f.name);
const levelsOf = name => sweep.factors.find(f => f.name === name).levels.map(l => l.name)
  .filter(level => sweep.points.some(p => p.levels[name] === level));
const bySize = [...factors].sort((a, b) => levelsOf(b).length - levelsOf(a).length);
const measured = sweep.responses.filter(r => sweep.points.some(p => p.responses[r.name] !== null));
const MOST_SHOWN = 10;

const state = {
  response: sweep.plot.response || (measured[0] || sweep.responses[0]).name,
  across: sweep.plot.across || bySize[0],
  lines: sweep.plot.lines || bySize.find(f => f !== (sweep.plot.across || bySize[0])) || '',
  filter: {...sweep.plot.at},  // of the interaction
};

const unitOf = name => sweep.responses.find(r => r.name === name).unit;
const words = name => partWords(name.replace(/^part_(.*)_ns$/, 'part $1'));
function figure(value, unit) {
  if (value === null || value === undefined) return '\u2013';
  if (unit === 'ns') return shortTime(Math.round(value * 1000));
  if (unit === 'ps') return shortTime(Math.round(value));
  if (unit === 'us') return shortTime(Math.round(value * 1e6));
  const text = Number.isInteger(value) ? grouped(value) : Math.abs(value) >= 1000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(4)));
  return unit ? `${text} ${unit}` : text;
}
const mean = values => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
const at = levels => sweep.points.filter(p => Object.entries(levels).every(([f, l]) => !l || p.levels[f] === l));
const valueAt = levels => mean(at(levels).map(p => p.responses[state.response]).filter(v => v !== null));

function select(label, options, value, chosen) {
  return h('label', {}, label, h('select', {onchange: e => { chosen(e.target.value); draw(); }},
    options.map(([key, text]) => h('option', {value: key, selected: key === value}, text))));
}
const named = list => list.map(x => [x, x]);

function header() {
  const text = levels => Object.entries(levels).map(([f, l]) => `${f} ${l}`).join(', ') || 'all points';
  const marks = {true: ['yes', '\u2714 came out'], false: ['no', '\u2718 did not'], null: ['', 'not in this sample']};
  const fact = (value, what) => h('div', {class: 'fact'}, h('b', {}, value), h('span', {}, what));
  const interrupts = sweep.points.reduce((n, p) => n + (p.interrupts ? p.interrupts.delivered : 0), 0);
  const bad = sweep.points.filter(p => p.verdict !== 'holds' && p.verdict !== 'skipped');
  return h('header', {class: 'top'}, h('h1', {}, sweep.question),
    h('p', {class: 'lead', style: 'margin:6px 0 0'}, h('b', {class: 'mono'}, sweep.name), ' \u00b7 ', h('code', {}, sweep.command), ` \u00b7 ${sweep.file}`),
    sweep.incomplete ? h('p', {class: 'note bad'}, 'Points are missing: everything below is incomplete.') : null,
    bad.length ? h('p', {class: 'note bad'}, `${plural(bad.length, 'point')} did not hold what the scenario expects: ${bad.map(p => p.point).slice(0, 20).join(', ')}`) : null,
    h('div', {class: 'facts'}, fact(grouped(sweep.points.length), `points, ${sweep.design} design`),
      sweep.factors.map(f => fact(levelsOf(f.name).length, `levels of ${f.name}`)),
      interrupts ? fact(grouped(interrupts), 'interrupts delivered') : null),
    sweep.findings.length ? [h('h3', {}, 'Findings'), table([
      {title: '', of: f => h('span', {class: marks[f.held][0]}, marks[f.held][1])},
      {title: 'Response', of: f => h('b', {}, words(f.response))},
      {title: 'At', of: f => [text(f.of), h('div', {class: 'lead', style: 'margin:0'}, figure(f.values[0], unitOf(f.response)))]},
      {title: '', of: f => f.is === 'same' ? 'the same as' : `${f.is} than`},
      {title: 'At', of: f => [text(f.than), h('div', {class: 'lead', style: 'margin:0'}, figure(f.values[1], unitOf(f.response)))]},
      sweep.intervals ? {title: 'Known data', of: f => f.decided ? [h('span', {class: DECIDED[f.decided][0]}, DECIDED[f.decided][1]),
        h('div', {class: 'lead', style: 'margin:0'}, `${f.held_in[0]} of ${f.held_in[1]} runs`, f.decided.startsWith('not') ? `; turned by ${f.flipped_by.join(', ') || 'several together'}` : '')] : '\u2013'} : null,
      {title: 'Because', of: f => f.because},
    ].filter(Boolean), sweep.findings)] : null);
}

// --- Interaction: a line for each level of one factor over the levels of another ---

// Round values over the range; a logarithmic axis where it spans more than a factor of 30.
function scale(low, high, from, to) {
  const log = low > 0 && high / low > 30;
  if (!log && low > 0 && low < high * 0.6) low = 0;
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const place = v => log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  let ticks = [];
  if (log) {
    ticks = logTicks(low, high);
  } else {
    const step = 10 ** Math.floor(Math.log10((high - low) / 2));
    const every = [1, 2, 5, 10].map(n => n * step).find(e => (high - low) / e <= 7);
    for (let t = Math.ceil(low / every) * every; t <= high + every / 1e6; t += every) ticks.push(Number(t.toPrecision(12)));
  }
  return {y: v => from + (to - from) * place(v), ticks};
}

const DASHES = [null, '8 4', '2 3', '10 3 2 3', '5 2', '1 2', '14 4', '4 2 1 2'];

function interactionPlot() {
  const across = levelsOf(state.across);
  const lines = state.lines && state.lines !== state.across ? levelsOf(state.lines) : [''];
  const unit = unitOf(state.response);
  const curves = lines.map(line => ({line, points: across.map((level, n) => ({n, level, value:
    valueAt({...state.filter, [state.lines]: '', [state.across]: level, ...(line ? {[state.lines]: line} : {})})})).filter(p => p.value !== null)}));
  const values = curves.flatMap(c => c.points.map(p => p.value));
  if (!values.length) return lead('No point here has this response.');
  const height = 360, left = 110, right = CHART_WIDTH - 230, top = 16, bottom = height - 52;
  const {y, ticks} = scale(Math.min(...values), Math.max(...values), bottom, top);
  const x = n => across.length === 1 ? (left + right) / 2 : left + 30 + (right - left - 60) * n / (across.length - 1);
  const parts = ticks.map(t => [s('line', {class: 'axis', x1: left, x2: right, y1: y(t), y2: y(t)}),
    s('text', {class: 'soft small', x: left - 8, y: y(t) + 4, 'text-anchor': 'end'}, figure(t, unit))]);
  const room = (right - left) / across.length / 7;
  parts.push(across.map((level, n) => s('text', {class: 'small', x: x(n), y: bottom + 20 + (room < level.length && n % 2 ? 14 : 0), 'text-anchor': 'middle'}, cut(level, Math.max(8, Math.floor(room * 2))))),
    s('text', {class: 'strong', x: (left + right) / 2, y: height - 4, 'text-anchor': 'middle'}, state.across));
  curves.forEach((curve, n) => {
    const colour = paint(`--p${n % 8}`);
    parts.push(s('path', {d: curve.points.map((p, i) => `${i ? 'L' : 'M'}${x(p.n)},${y(p.value)}`).join(' '), fill: 'none', stroke: colour, 'stroke-width': 2.4, 'stroke-dasharray': DASHES[n % 8]}),
      curve.points.map(p => s('circle', {cx: x(p.n), cy: y(p.value), r: 4.5, fill: colour,
        ...tipped(`${state.across} ${p.level}${curve.line ? `\n${state.lines} ${curve.line}` : ''}\n${words(state.response)} ${figure(p.value, unit)}`, true)})));
    if (curve.line) {
      parts.push(s('line', {x1: right + 14, x2: right + 44, y1: top + 10 + n * 22, y2: top + 10 + n * 22, stroke: colour, 'stroke-width': 3, 'stroke-dasharray': DASHES[n % 8]}),
        s('text', {class: 'small', x: right + 52, y: top + 14 + n * 22}, cut(curve.line, 26)));
    }
  });
  return s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${Math.max(height, top + 30 + curves.length * 22)}`, role: 'img', 'aria-label': `${words(state.response)} over ${state.across}, a line for each level of ${state.lines}`}, parts);
}

// --- Sensitivity: main effects ---

function sensitivity() {
  const effects = sweep.effects.find(e => e.response === state.response).factors.filter(f => f.means.length > 1);
  if (!effects.length) return null;
  const unit = unitOf(state.response);
  const largest = Math.max(...effects.map(e => e.range)) || 1;
  const lowest = Math.min(...effects.flatMap(e => e.means.map(m => m.mean)));
  const highest = Math.max(...effects.flatMap(e => e.means.map(m => m.mean)));
  const bar = (share, text) => h('div', {}, text, h('div', {class: 'cover'}, h('i', {style: `width:${Math.max(0, 100 * share).toFixed(1)}%`})));
  const dots = effect => {
    const x = v => 8 + (highest === lowest ? 0.5 : (v - lowest) / (highest - lowest)) * 344;
    return s('svg', {viewBox: '0 0 360 24', style: 'width:360px'}, s('line', {class: 'axis', x1: 8, x2: 352, y1: 12, y2: 12}),
      effect.means.map((m, n) => s('circle', {cx: x(m.mean), cy: 12, r: 5, fill: paint(`--p${n % 8}`), ...tipped(`${effect.factor} ${m.level}\nmean ${figure(m.mean, unit)}\n${plural(m.points, 'point')}`, true)})));
  };
  return [h('h3', {}, 'Which factor matters'),
    table([{title: 'Factor', of: e => h('b', {style: 'white-space:nowrap'}, e.factor)},
      {title: 'Largest less smallest mean', of: e => bar(e.range / largest, figure(e.range, unit))},
      {title: 'Share of the variance', of: e => bar(e.share, `${(100 * e.share).toFixed(1)} %`)},
      {title: `Means, ${figure(lowest, unit)} to ${figure(highest, unit)}`, of: dots},
      {title: '', of: e => h('span', {class: 'lead'}, e.means.map(m => `${m.level} ${figure(m.mean, unit)}`).slice(0, 9).join(' \u00b7 '))}], effects)];
}

// --- Chosen points ---

// A long name stands in small letters under the point's number.
function labels(p) {
  const text = label(p);
  return text.length > 20 ? {label: `point ${p.point}`, caption: text} : {label: text, caption: `point ${p.point}`};
}
const label = p => factors.filter(f => !state.view[f]).map(f => p.levels[f]).join(', ') || `point ${p.point}`;

// The first view holds as many factors open as make no more than MOST_SHOWN points.
function firstFilter() {
  const order = [...factors].sort((a, b) => (a === state.across ? 2 : a === state.lines ? 1 : 0) - (b === state.across ? 2 : b === state.lines ? 1 : 0));
  const filter = {};
  for (const f of order) {
    if (at(filter).length <= MOST_SHOWN) break;
    filter[f] = sweep.plot.at[f] || at(filter)[0].levels[f];
  }
  return filter;
}
state.view = firstFilter();

function chosen() {
  const points = at(state.view).slice(0, 2 * MOST_SHOWN);
  const rows = points.filter(p => p.interrupts && p.interrupts.latency_ns).map(p => ({...p.interrupts, ...labels(p), abi: 'fifo', kind: 'msi'}));
  const more = at(state.view).length - points.length;
  const tools = h('div', {class: 'tools'}, factors.map(f => select(f, [['', 'all'], ...named(levelsOf(f))], state.view[f] || '', v => { state.view[f] = v; })));
  const functions = upcallTable(points.filter(p => p.upcalls));
  const content = [tools, more > 0 ? lead(`${plural(more, 'point')} more fit; choose a level to see them.`) : null,
    rows.length ? [h('h3', {}, 'Distribution'), distribution(rows), h('h3', {}, 'Cumulative (ECDF)'), cumulative(rows),
      h('h3', {}, 'Where the nanoseconds go'), partsChart(rows)] : lead('These points have no interrupts; their figures are in the table below.'), functions];
  return content;
}

function upcallTable(points) {
  if (!points.length) return null;
  const rows = new Map();
  points.forEach((p, n) => p.upcalls.functions.forEach(f => {
    const key = `${f.source}:${f.function}`;
    if (!rows.has(key)) rows.set(key, {function: f.function, source: f.source, blocks: []});
    rows.get(key).blocks[n] = f.blocks;
  }));
  const list = [...rows.values()].map(r => ({...r, differs: points.some((_, n) => (r.blocks[n] || 0) !== (r.blocks[0] || 0))}));
  list.sort((a, b) => b.differs - a.differs || Math.max(...b.blocks.map(x => x || 0)) - Math.max(...a.blocks.map(x => x || 0)));
  const show = part => table([{title: 'Function', of: r => h('code', {}, r.function)}, {title: 'Source', of: r => r.source},
    ...points.map((p, n) => ({title: label(p), number: true, of: r => r.blocks[n] ? grouped(r.blocks[n]) : '\u2013'}))], part);
  const total = {function: 'all', source: 'the most frequent upcall', blocks: points.map(p => p.upcalls.typical_blocks)};
  const different = list.filter(r => r.differs);
  return [h('h3', {}, 'Basic blocks of an upcall'), lead('Of the upcall that each point met most often, by function; those that differ between the points first. Functions of driver/env are emulated, all others are originals.'),
    show([total, ...different]), h('details', {}, h('summary', {}, `${plural(list.length - different.length, 'function')} the same everywhere`), show(list.filter(r => !r.differs)))];
}

function allPoints() {
  const shown = sweep.responses.filter(r => !r.part);
  return table([{title: '#', number: true, of: p => p.point}, ...factors.map(f => ({title: f, of: p => p.levels[f]})),
    ...shown.map(r => ({title: words(r.name), number: true, of: p => figure(p.responses[r.name], r.unit)})),
    {title: '', of: p => p.verdict === 'holds' ? h('span', {title: p.command}, '\u2714') : h('span', {class: 'no'}, p.verdict)},
  ], sweep.points, p => p.verdict === 'holds' || p.verdict === 'skipped' ? null : 'bad');
}

function draw() {
  const top = scrollY;
  document.getElementById('page').replaceChildren(h('main', {class: 'wide'}, header(),
    h('section', {}, h('h2', {}, 'Interaction'),
      lead('Each dot is the mean of the response over the points at these levels; other factors are averaged, or held at a level. Lines that are not parallel: the factors interact.'),
      h('div', {class: 'tools'}, select('response', measured.map(r => [r.name, words(r.name)]), state.response, v => { state.response = v; }),
        select('across', named(factors), state.across, v => { state.across = v; }),
        select('lines', [['', 'none'], ...named(factors)], state.lines, v => { state.lines = v; }),
        factors.filter(f => f !== state.across && f !== state.lines).map(f => select(f, [['', 'mean of all'], ...named(levelsOf(f))], state.filter[f] || '', v => { state.filter[f] = v; }))),
      interactionPlot(), sensitivity()),
    sweep.intervals ? h('section', {}, h('h2', {}, 'Intervals'), intervalsContent(sweep.intervals, draw)) : null,
    h('section', {}, h('h2', {}, 'Points compared'), chosen()),
    h('section', {}, h('h2', {}, 'All points'), lead('Also in points.csv, with the means of all parts; sweep.json has everything, and of each point the command that runs it alone.'),
      h('details', {open: sweep.points.length <= 40}, h('summary', {}, plural(sweep.points.length, 'point')), allPoints())),
    h('footer', {}, 'Simulated time, exact; equal inputs give equal bytes. ', h('code', {}, sweep.command))), tip);
  scrollTo(0, top);
}
draw();
