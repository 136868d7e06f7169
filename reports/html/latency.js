// SPDX-License-Identifier: Apache-2.0
// Interrupt latency: distribution per source, kind and ABI on one logarithmic axis, and the named parts it is the sum of.
'use strict';

const CHART_WIDTH = 1180;
const NAMES = 170;
const PLOT = CHART_WIDTH - NAMES - 30;

const rowName = i => i.label || `${i.kind.toUpperCase().replace('MSIX', 'MSI-X').replace('INTX', 'INTx')} ${i.abi === 'fifo' ? 'FIFO' : '2-level'}`;
const delivered = () => result.interrupts.filter(i => i.latency_ns);

function logTicks(low, high) {
  let ticks = [];
  const steps = high / low < 12 ? [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 5];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
    for (const step of steps) {
      const value = step * 10 ** decade;
      if (value >= low && value <= high) ticks.push(value);
    }
  }
  if (ticks.length > 14) ticks = ticks.filter(t => /^1/.test(t.toExponential()));
  return ticks;
}

function axis(ticks, x, y, height) {
  return ticks.map(t => [s('line', {class: 'axis', x1: x(t), x2: x(t), y1: 22, y2: height}),
    s('text', {class: 'soft small', x: x(t), y, 'text-anchor': 'middle'}, shortTime(t))]);
}

function distribution(rows) {
  const each = 66;
  const height = 30 + rows.length * each;
  const low = Math.max(1, Math.min(...rows.map(i => i.latency_ns.min)) * 1000 * 0.85);
  const high = Math.max(...rows.map(i => i.latency_ns.max)) * 1000 * 1.15;
  const x = ps => NAMES + Math.log(Math.max(ps, low) / low) / Math.log(high / low) * PLOT;
  const parts = [axis(logTicks(low, high), x, 15, height)];
  rows.forEach((i, n) => {
    const base = 30 + (n + 1) * each - 18;
    const peak = Math.max(1, ...i.histogram.map(b => b.count));
    const fillColour = paint(i.abi === 'fifo' ? '--p0' : '--p2');
    parts.push(s('text', {class: 'strong', x: 0, y: base - 22}, rowName(i)),
      s('text', {class: 'soft small', x: 0, y: base - 6}, cut(i.caption || `${i.source} \u2192 ${i.domain}`, 26)),
      s('line', {class: 'axis', x1: NAMES, x2: NAMES + PLOT, y1: base, y2: base}));
    for (const b of i.histogram) {
      if (!b.count) continue;
      const left = x(Math.max(b.from_ps, low));
      const tall = Math.max(1.5, b.count / peak * (each - 26));
      parts.push(s('rect', {x: left, y: base - tall, width: Math.max(1, x(b.to_ps) - left - 1), height: tall, fill: fillColour,
        ...tipped(`${rowName(i)}\n${time(b.from_ps)} to ${time(b.to_ps)}\n${plural(b.count, 'interrupt')}`, false)}));
    }
    for (const [name, value] of Object.entries(i.latency_ns)) {
      const at = x(value * 1000);
      const end = name === 'min' || name === 'max';
      parts.push(s('line', {x1: at, x2: at, y1: base - (end ? 6 : 0), y2: base + 7, stroke: paint('--ink'), 'stroke-width': name === 'p50' ? 3 : 1.5,
        ...tipped(`${rowName(i)}\n${name} ${time(Math.round(value * 1000))}`, false)}));
    }
    // Names only where they have room.
    let edge = -1;
    for (const name of ['p50', 'p99', 'max']) {
      const at = x(i.latency_ns[name] * 1000);
      if (at - 14 < edge) continue;
      parts.push(s('text', {class: 'soft small', x: at, y: base + 17, 'text-anchor': 'middle'}, name));
      edge = at + 16;
    }
  });
  return s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${height + 6}`, role: 'img', 'aria-label': 'Histogram of latency per interrupt kind, logarithmic axis'}, parts);
}

// Share of interrupts that took no longer than x, a line each, told apart by dash and name as well.
function cumulative(rows) {
  const height = 250;
  const low = Math.max(1, Math.min(...rows.map(i => i.latency_ns.min)) * 1000 * 0.85);
  const high = Math.max(...rows.map(i => i.latency_ns.max)) * 1000 * 1.15;
  const x = ps => NAMES + Math.log(Math.max(ps, low) / low) / Math.log(high / low) * PLOT;
  const y = share => height - 8 - share * (height - 40);
  const parts = [axis(logTicks(low, high), x, 15, height - 8)];
  for (const share of [0, 0.5, 0.9, 0.99]) {
    parts.push(s('line', {class: 'axis', x1: NAMES, x2: NAMES + PLOT, y1: y(share), y2: y(share)}));
    if (share !== 0.99) parts.push(s('text', {class: 'soft small', x: NAMES - 8, y: y(share) + 4, 'text-anchor': 'end'}, `${share * 100} %`));
  }
  const dashes = [null, '8 4', '2 3', '10 3 2 3', '5 2', '1 2'];
  rows.forEach((i, n) => {
    let seen = 0;
    let d = `M${x(i.latency_ns.min * 1000)},${y(0)}`;
    for (const b of i.histogram) {
      d += ` L${x(Math.max(b.from_ps, i.latency_ns.min * 1000))},${y(seen / i.delivered)}`;
      seen += b.count;
      d += ` L${x(Math.min(b.to_ps, i.latency_ns.max * 1000))},${y(seen / i.delivered)}`;
    }
    const colour = paint(`--p${n % 8}`);
    parts.push(s('path', {d, fill: 'none', stroke: colour, 'stroke-width': 2.2, 'stroke-dasharray': dashes[n % 6], ...tipped(rowName(i), false)}),
      s('line', {x1: 0, x2: 26, y1: 34 + n * 22, y2: 34 + n * 22, stroke: colour, 'stroke-width': 3, 'stroke-dasharray': dashes[n % 6]}),
      s('text', {class: 'small', x: 34, y: 38 + n * 22}, rowName(i)));
  });
  return s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${Math.max(height, 40 + rows.length * 22)}`, role: 'img', 'aria-label': 'Cumulative share of interrupts by latency'}, parts);
}

const partWords = name => name.replace(/^(t\d+)_(t\d+)_/, '$1\u2013$2 ').replace(/_/g, ' ');

function partsChart(rows) {
  const each = 44;
  const height = 34 + rows.length * each;
  const mean = i => i.total_ps / i.delivered;
  const tail = i => i.eoi_tail_ps / i.delivered;
  const longest = Math.max(...rows.map(i => mean(i) + tail(i)));
  const x = ps => NAMES + ps / longest * (PLOT - 10);
  const step = 10 ** Math.floor(Math.log10(longest));
  const every = longest / step < 2.5 ? step / 4 : longest / step < 5 ? step / 2 : step;
  const ticks = [];
  for (let t = 0; t <= longest; t += every) ticks.push(t);
  const parts = [s('defs', {}, s('pattern', {id: 'tail', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
    s('rect', {width: 6, height: 6, fill: paint('--sunk')}), s('rect', {width: 2, height: 6, fill: paint('--soft')}))), axis(ticks, x, 15, height)];
  const names = [...new Set(rows.flatMap(i => i.parts.map(p => p.name)))];
  const colour = name => paint(`--p${names.indexOf(name) % 8}`);
  rows.forEach((i, n) => {
    const y = 30 + n * each;
    parts.push(s('text', {class: 'strong', x: 0, y: y + 14}, rowName(i)), s('text', {class: 'soft small', x: 0, y: y + 29}, `mean ${shortTime(Math.round(mean(i)))}`));
    let at = 0;
    for (const p of i.parts) {
      const w = p.total_ps / i.delivered;
      const share = `${(100 * p.total_ps / i.total_ps).toFixed(1)} %`;
      parts.push(s('rect', {x: x(at), y: y + 2, width: Math.max(0.5, x(at + w) - x(at)), height: 27, fill: colour(p.name), stroke: paint('--card'), 'stroke-width': 1,
        ...tipped(`${partWords(p.name)}\nmean ${time(Math.round(w))}, ${share}\np50 ${time(Math.round(p.p50_ns * 1000))}, p99 ${time(Math.round(p.p99_ns * 1000))}`, true)}));
      const word = partWords(p.name).split(' ')[0];
      if (x(at + w) - x(at) > 52) parts.push(s('text', {class: 'small halo', x: (x(at) + x(at + w)) / 2, y: y + 20, 'text-anchor': 'middle', style: 'pointer-events:none'}, word));
      at += w;
    }
    if (i.eoi_tail_ps) {
      parts.push(s('rect', {x: x(at) + 3, y: y + 7, width: Math.max(0.5, x(at + tail(i)) - x(at) - 3), height: 17, fill: 'url(#tail)',
        ...tipped(`after the handler\u2019s entry, up to the last probe\nmean ${time(Math.round(tail(i)))}${i.tail_parts.map(p => `\n${partWords(p.name)} ${time(Math.round(p.total_ps / i.delivered))}`).join('')}`, true)}));
    }
    parts.push(s('line', {x1: x(at) + 1, x2: x(at) + 1, y1: y - 2, y2: y + 33, stroke: paint('--ink'), 'stroke-width': 2}));
  });
  return [s('svg', {viewBox: `0 0 ${CHART_WIDTH} ${height}`, role: 'group', 'aria-label': 'Mean latency as a stack of its parts'}, parts),
    legend([...names.map(n => [colour(n), partWords(n)]), ['repeating-linear-gradient(45deg,var(--soft) 0 2px,var(--sunk) 2px 6px)', 'tail after the handler\u2019s entry (black line), outside the latency']])];
}

// One interrupt at each mark of a distribution, by the number that all traces know it by.
function lookedUp() {
  const rows = result.paths.flatMap(path => {
    const seen = new Map();
    for (const s of path.samples) {
      if (seen.has(s.interrupt)) seen.get(s.interrupt).at += `, ${s.at}`;
      else seen.set(s.interrupt, {...s, row: rowName(path.interrupts)});
    }
    return [...seen.values()];
  });
  if (!rows.length) return null;
  const parts = list => list.map(p => `${partWords(p.name)} ${time(p.ps)}`).join(' + ');
  const later = s => [
    s.dma && `${grouped(s.dma.accesses)} DMA accesses before it, ${grouped(s.dma.bytes)} bytes, the last: ${s.dma.last}`,
    ...s.bottom_halves.map(b => `${b.what} ${b.what === 'completion' ? 'signalled' : 'queued'} at ${time(b.queued_ps)}${b.began_ps === null ? '' : `, begun at ${time(b.began_ps)}`}`),
  ].filter(Boolean).join('; ');
  return h('details', {}, h('summary', {}, 'One interrupt at each mark'),
    lead('The number is the same in trace.txt, trace.bin, trace.vcd, tlp.pcapng and Perfetto. Parts add up to the latency.'),
    table([{title: 'Kind', of: s => s.row}, {title: 'At', of: s => s.at}, {title: 'Interrupt', number: true, of: s => h('b', {id: `interrupt-${s.interrupt}`}, String(s.interrupt))},
      {title: 't0', number: true, of: s => time(s.asserted_ps)}, {title: 'Latency', number: true, of: s => time(s.latency_ps)}, {title: 'vCPU', number: true, of: s => String(s.vcpu)},
      {title: 'Parts', of: s => parts(s.parts)}, {title: 'After the handler\u2019s entry', of: s => parts(s.tail)}, {title: 'Before and after', of: later}], rows));
}

function latencySection() {
  if (!result.interrupts.length) return null;
  const rows = delivered();
  const ns = value => time(Math.round(value * 1000));
  const columns = [{title: 'Kind', of: i => h('b', {}, rowName(i))}, {title: 'Source', of: i => i.source}, {title: 'Domain', of: i => i.domain}];
  for (const key of ['asserted', 'delivered', 'coalesced', 'lost', 'duplicated', 'spurious']) {
    columns.push({title: key, number: true, of: i => h('span', {class: (key === 'lost' || key === 'duplicated') && i[key] ? 'no' : null}, grouped(i[key]))});
  }
  for (const key of ['min', 'p50', 'p90', 'p99', 'max']) columns.push({title: key, number: true, of: i => i.latency_ns ? ns(i.latency_ns[key]) : '\u2013'});
  return h('section', {id: 'latency'}, h('h2', {}, 'Interrupt latency'),
    lead('From the device\u2019s assertion (t0) to the entry of the real driver\u2019s handler (t6). Every figure is exact simulated time; percentiles are nearest-rank.'),
    table(columns, result.interrupts),
    rows.length ? [h('h3', {}, 'Distribution'), distribution(rows),
      h('details', {open: rows.length > 1}, h('summary', {}, 'Cumulative'), cumulative(rows)),
      h('h3', {}, 'Where the nanoseconds go'), partsChart(rows),
      h('details', {}, h('summary', {}, 'Parts as a table'), table([
        {title: 'Kind', of: p => p.row}, {title: 'Part', of: p => partWords(p.name)}, {title: 'Total', number: true, of: p => grouped(p.total_ps) + ' ps'},
        {title: 'Mean', number: true, of: p => time(Math.round(p.total_ps / p.count))}, {title: 'p50', number: true, of: p => ns(p.p50_ns)},
        {title: 'p99', number: true, of: p => ns(p.p99_ns)},
      ], rows.flatMap(i => [...i.parts, ...i.tail_parts].map(p => ({...p, row: rowName(i), count: i.delivered}))
        .concat(i.coalescing ? i.coalescing.parts.map(p => ({...p, row: `${rowName(i)}, merged`, count: i.coalescing.count})) : [])))),
      lookedUp()] : null);
}
