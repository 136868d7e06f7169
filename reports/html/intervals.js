// SPDX-License-Identifier: Apache-2.0
// Intervals: how far each figure moves while the parameters that are known only as a range go through it, which of them moves it
// most (a tornado), and which claims known data do not decide.
'use strict';

const intervalState = {of: null, figure: null};
const unitText = (value, unit) => unit === 'ns' ? shortTime(Math.round(value * 1000)) : grouped(Number(value.toPrecision(6)));
const sensitiveTo = f => f.most_sensitive ? `${f.most_sensitive}, ${Math.round(100 * f.share)} %` : f.low < f.high ? 'several together' : 'fixed';
const figureWords = f => partWords(f.replace(/^part_/, ''));

function niceTicks(low, high) {
  const step = 10 ** Math.floor(Math.log10((high - low) / 2 || 1));
  const every = [1, 2, 5, 10].map(n => n * step).find(e => (high - low) / e <= 8) || step * 10;
  const ticks = [];
  for (let t = Math.ceil(low / every) * every; t <= high + every / 1e6; t += every) ticks.push(Number(t.toPrecision(12)));
  return ticks;
}

// A bar from least to most of each figure of one row, with a tick at the default.
function intervalChart(figures, unit, chosen) {
  const left = 250, right = CHART_WIDTH - 330, each = 26, height = 30 + figures.length * each;
  const most = Math.max(...figures.map(f => f.high)) || 1;
  const x = v => left + v / most * (right - left);
  const parts = [niceTicks(0, most).map(t => [s('line', {class: 'axis', x1: x(t), x2: x(t), y1: 20, y2: height}),
    s('text', {class: 'soft small', x: x(t), y: 14, 'text-anchor': 'middle'}, unitText(t, unit))])];
  figures.forEach((f, n) => {
    const y = 26 + n * each;
    const here = f.figure === intervalState.figure;
    const pick = {style: 'cursor:pointer', onclick: () => chosen(f.figure)};
    parts.push(s('text', {class: here ? 'strong' : 'small', x: 0, y: y + 14, ...pick}, cut(figureWords(f.figure), 34)),
      s('rect', {x: x(f.low), y: y + 3, width: Math.max(2, x(f.high) - x(f.low)), height: 14, fill: paint(here ? '--p0' : '--p2'), opacity: here ? 1 : 0.6, ...pick,
        ...tipped(`${figureWords(f.figure)}\n${unitText(f.low, unit)} \u2026 ${unitText(f.default, unit)} \u2026 ${unitText(f.high, unit)}${f.monotone ? '' : '\nnot monotone: what the runs met'}`, true)}),
      s('line', {x1: x(f.default), x2: x(f.default), y1: y, y2: y + 20, stroke: paint('--ink'), 'stroke-width': 2.5}),
      s('text', {class: 'soft small', x: right + 14, y: y + 14}, sensitiveTo(f)));
  });
  return s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${height + 6}`, role: 'img', 'aria-label': 'Interval of each figure, with its default and the parameter it is most sensitive to'}, parts);
}

// Of one figure: its value with each parameter alone at the least and at the most.
function tornado(figure, parameters) {
  const sways = figure.sways.slice(0, 14);
  if (!sways.length) return lead('No uncertain parameter moves this figure.');
  const left = 300, right = CHART_WIDTH - 210, each = 28, height = 34 + sways.length * each;
  const values = [figure.default, ...sways.flatMap(w => [w.low, w.high])];
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) { low -= 1; high += 1; }
  const margin = (high - low) * 0.04;
  const x = v => left + (v - low + margin) / (high - low + 2 * margin) * (right - left);
  const parts = [niceTicks(low, high).map(t => [s('line', {class: 'axis', x1: x(t), x2: x(t), y1: 20, y2: height}),
    s('text', {class: 'soft small', x: x(t), y: 14, 'text-anchor': 'middle'}, unitText(t, figure.unit))])];
  const range = new Map(parameters.map(p => [p.name, p]));
  const bar = (y, to, colour, what) => s('rect', {x: Math.min(x(to), x(figure.default)), y, width: Math.max(1, Math.abs(x(to) - x(figure.default))), height: 18, fill: paint(colour),
    ...tipped(`${what}\n${unitText(to, figure.unit)}`, true)});
  sways.forEach((w, n) => {
    const y = 26 + n * each;
    const p = range.get(w.parameter) || {low: 'least', high: 'most'};
    parts.push(s('text', {class: 'small', x: 0, y: y + 13}, w.parameter), s('text', {class: 'soft small', x: left - 12, y: y + 13, 'text-anchor': 'end'}, `${p.low} to ${p.high}`),
      bar(y, w.low, '--p4', `${w.parameter} ${p.low}`), bar(y, w.high, '--p1', `${w.parameter} ${p.high}`),
      s('text', {class: 'soft small', x: right + 12, y: y + 13}, `${unitText(w.low, figure.unit)} to ${unitText(w.high, figure.unit)}`));
  });
  parts.push(s('line', {x1: x(figure.default), x2: x(figure.default), y1: 18, y2: height, stroke: paint('--ink'), 'stroke-width': 2}));
  return [s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${height + 4}`, role: 'img', 'aria-label': 'The figure with each parameter alone at its least and its most'}, parts),
    legend([[paint('--p4'), 'parameter at its least'], [paint('--p1'), 'at its most'], [paint('--ink'), `all defaults, ${unitText(figure.default, figure.unit)}`]])];
}

const DECIDED = {holds: ['yes', '\u2714 holds everywhere'], fails: ['no', '\u2718 fails everywhere'], 'not decided by known data': ['', '? not decided by known data']};

function claimsTable(claims) {
  return table([{title: '', of: c => h('span', {class: DECIDED[c.decided][0]}, DECIDED[c.decided][1])},
    {title: 'Claim', of: c => c.text}, {title: 'Runs', number: true, of: c => `${c.held} of ${c.runs}`},
    {title: 'Turned by', of: c => c.decided in DECIDED && c.held && c.held < c.runs ? h('code', {}, c.flipped_by.join(', ') || 'several together') : ''}], claims);
}

// `redraw`: draws the section anew after a choice.
function intervalsContent(intervals, redraw) {
  const groups = [...new Set(intervals.figures.map(f => f.of))];
  if (!groups.includes(intervalState.of)) intervalState.of = groups[0];
  const mine = intervals.figures.filter(f => f.of === intervalState.of);
  const timed = mine.filter(f => f.unit === 'ns');
  const usual = ['latency_p50', 'latency_p50_ns', 'latency_mean_ns'].find(name => timed.some(f => f.figure === name));
  if (!mine.some(f => f.figure === intervalState.figure)) intervalState.figure = usual || (timed[0] || mine[0] || {}).figure;
  const figure = mine.find(f => f.figure === intervalState.figure);
  const counts = mine.filter(f => f.unit !== 'ns');
  const choose = name => { intervalState.figure = name; redraw(); };
  const acting = intervals.parameters.filter(p => p.acts).length;
  const open = intervals.claims.filter(c => c.decided !== 'holds');
  return [lead(`Profile ${intervals.profile}: ${intervals.parameters.length} parameters are known only as a range, ${acting} of them act here. ${plural(intervals.runs, 'run')}: each alone at both ends, `
      + `${intervals.corners} corners, ${intervals.samples} points between. An interval is the least and the most of all of them`
      + (intervals.failed ? `; ${plural(intervals.failed, 'run')} did not come to an end.` : '.')),
    intervals.claims.length ? [h('h3', {}, 'Claims'), open.length ? claimsTable(open) : lead('Every claim holds whatever the uncertain parameters are.'),
      open.length < intervals.claims.length && open.length ? lead(`${plural(intervals.claims.length - open.length, 'other')} hold in every run.`) : null] : null,
    groups.length > 1 ? h('div', {class: 'tools'}, h('label', {}, 'of ', h('select', {onchange: e => { intervalState.of = e.target.value; redraw(); }},
      groups.map(g => h('option', {value: g, selected: g === intervalState.of}, g))))) : null,
    h('h3', {}, 'Intervals'), timed.length ? intervalChart(timed, 'ns', choose) : null,
    counts.length ? table([{title: 'Count', of: f => figureWords(f.figure)}, {title: 'Least', number: true, of: f => unitText(f.low, f.unit)}, {title: 'Default', number: true, of: f => unitText(f.default, f.unit)},
      {title: 'Most', number: true, of: f => unitText(f.high, f.unit)}, {title: 'Most sensitive to', of: sensitiveTo}], counts) : null,
    figure ? [h('h3', {}, `What moves ${figureWords(figure.figure)}`), tornado(figure, intervals.parameters)] : null,
    h('details', {}, h('summary', {}, 'The uncertain parameters'), table([{title: 'Parameter', of: p => h('code', {}, p.name)}, {title: 'Range', of: p => `${p.low} \u2026 ${p.default} \u2026 ${p.high}`},
      {title: '', of: p => p.acts ? 'acts here' : 'does not act here'}, {title: 'Origin', of: p => p.origin}], intervals.parameters))];
}

function intervalsSection() {
  if (!result.intervals) return null;
  const body = h('div', {});
  const draw = () => body.replaceChildren(...[intervalsContent(result.intervals, draw)].flat(4).filter(Boolean));
  draw();
  return h('section', {id: 'intervals'}, h('h2', {}, 'Intervals'), body);
}
