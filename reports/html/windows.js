// SPDX-License-Identifier: Apache-2.0
// Escape windows: time upward, size of the IOTLB to the right, both logarithmic; a line for each flush policy. What never
// ends is on top, what is never open at the bottom.
'use strict';

const PLOT = {width: 560, height: 300, left: 74, right: 446, top: 22, bottom: 250, least: 1e5, most: 1e11};
const LINES = [['--good', null], ['--o1', '7 4'], ['--warn', '2 4'], ['--bad', '10 3 2 3']];
// The same look in every picture.
const LINE_OF = {strict: 0, page: 0, lazy: 1, operation: 1, 'lazy + timer': 2, 'XSA-346': 2, 'XSA-78': 3};

const windowText = (point, drawn) => point.open ? `${grouped(point.open)} of ${grouped(point.losses)} never end`
  : point[drawn] ? shortTime(point[drawn]) : 'none';

function windowPlot(profile) {
  const sizes = profile.curves[0].points.map(p => p.iotlb_entries);
  const first = Math.log2(sizes[0]), last = Math.log2(sizes[sizes.length - 1]);
  const x = size => PLOT.left + (PLOT.right - PLOT.left) * (Math.log2(size) - first) / Math.max(1, last - first);
  const low = PLOT.bottom - 22, high = PLOT.top + 22;
  const ofTime = ps => low - (low - high) * (Math.log10(Math.max(PLOT.least, Math.min(PLOT.most, ps))) - Math.log10(PLOT.least)) / (Math.log10(PLOT.most) - Math.log10(PLOT.least));
  const y = p => p.open ? PLOT.top : p[profile.drawn] ? ofTime(p[profile.drawn]) : PLOT.bottom;
  const rule = (at, words) => [s('line', {x1: PLOT.left, x2: PLOT.right, y1: at, y2: at, class: 'grid'}),
    s('text', {x: PLOT.left - 8, y: at + 4, 'text-anchor': 'end', class: 'small soft'}, words)];
  const marks = [];
  for (let ps = PLOT.least * 10; ps < PLOT.most; ps *= 10) marks.push(rule(ofTime(ps), shortTime(ps)));
  // Lines that lie on each other stay visible: each a little above the one before it.
  const aside = i => 3 * i;
  return s('svg', {viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: 'img', 'aria-label':
    `${profile.drawn === 'p50_ps' ? 'median' : 'longest'} window by size of the IOTLB: ` + profile.curves.map(c => `${c.policy}: ${c.points.map(p => `${p.iotlb_entries} entries ${windowText(p, profile.drawn)}`).join(', ')}`).join('; ')},
    rule(PLOT.top, 'never ends'), marks, rule(PLOT.bottom, 'no window'),
    sizes.map(size => s('text', {x: x(size), y: PLOT.bottom + 20, 'text-anchor': 'middle', class: 'small soft'}, size)),
    s('text', {x: (PLOT.left + PLOT.right) / 2, y: PLOT.bottom + 40, 'text-anchor': 'middle', class: 'small'}, 'entries of the IOTLB'),
    profile.curves.map((curve, i) => {
      const [colour, dash] = LINES[(LINE_OF[curve.policy] ?? i) % LINES.length];
      return [
        s('polyline', {points: curve.points.map(p => `${x(p.iotlb_entries)},${y(p) - aside(i)}`).join(' '), fill: 'none', stroke: paint(colour), 'stroke-width': 2.2, 'stroke-dasharray': dash}),
        curve.points.map(p => s('circle', {cx: x(p.iotlb_entries), cy: y(p) - aside(i), r: 3.6, fill: paint(colour),
          ...tipped(`${curve.policy}, ${p.iotlb_entries} entries\n${windowText(p, profile.drawn)}\n${grouped(p.nonzero)} of ${grouped(p.losses)} losses had a window`)})),
        s('line', {x1: PLOT.right + 10, x2: PLOT.right + 32, y1: PLOT.top + 8 + 20 * i, y2: PLOT.top + 8 + 20 * i, stroke: paint(colour), 'stroke-width': 2.2, 'stroke-dasharray': dash}),
        s('text', {x: PLOT.right + 38, y: PLOT.top + 12 + 20 * i, class: 'small'}, curve.policy)];
    }));
}

function windowsSection(windows) {
  if (!windows || !windows.profiles.length) return null;
  const figures = profile => table([{title: 'Policy', of: c => [h('b', {}, c.policy), h('div', {class: 'soft'}, c.what)]},
    ...profile.curves[0].points.map((p, i) => ({title: `${p.iotlb_entries}`, number: true, of: c => windowText(c.points[i], profile.drawn)})),
  ], profile.curves);
  return h('section', {id: 'windows'}, h('h2', {}, 'Escape windows'),
    lead(`For how long a device still reaches what has been taken from it, over flush policy and size of the IOTLB. The unit itself is asked, at each loss and whenever it forgets something; Linux ${windows.kernel}.`),
    h('div', {class: 'plots'}, windows.profiles.map(profile => h('div', {},
      h('h3', {}, profile.profile), h('p', {class: 'soft'}, `${profile.drawn === 'p50_ps' ? 'Median' : 'Longest'} window, ${profile.question}.`), windowPlot(profile)))),
    h('details', {}, h('summary', {}, 'Figures, and the commands that repeat them'), windows.profiles.map(profile => [
      h('h4', {}, profile.profile), figures(profile), h('pre', {}, profile.curves.map(c => c.points[0].command).join('\n'))])));
}
