// SPDX-License-Identifier: Apache-2.0
// The machine: domains, hypervisor, memory, IOMMU, fabric, and an arrow per device, class and target.
'use strict';

const MACHINE_WIDTH = 1180;

// Leaves get equal columns, inner nodes stand over the middle of their children.
function layoutTree(nodes, left, width) {
  const children = new Map();
  for (const n of nodes) children.set(n.id, []);
  const roots = [];
  for (const n of nodes) (children.get(n.parent) || roots).push(n);
  const leaves = nodes.filter(n => !children.get(n.id).length && n.kind !== 'root_complex');
  const step = width / Math.max(1, leaves.length);
  const place = new Map();
  let column = 0;
  let depth = 0;
  const visit = (node, level) => {
    const below = children.get(node.id).map(c => visit(c, level + 1));
    const x = below.length ? (Math.min(...below) + Math.max(...below)) / 2 : left + step * (column++ + 0.5);
    place.set(node.id, {x, level});
    depth = Math.max(depth, level);
    return x;
  };
  for (const root of roots) {
    if (root.kind === 'root_complex' && !children.get(root.id).length) place.set(root.id, {x: left + width / 2, level: 0});
    else visit(root, 0);
  }
  return {place, depth, step};
}

// Labels that would overlap go to different levels. items: {x, width}, x the left edge; returns a level each.
function levels(items, count) {
  const edges = [];
  const order = items.map((item, i) => ({...item, i})).sort((a, b) => a.x - b.x);
  const found = [];
  for (const item of order) {
    let level = 0;
    while (level < count - 1 && (edges[level] ?? -1) > item.x) level++;
    edges[level] = item.x + item.width;
    found[item.i] = level;
  }
  return found;
}

// What devices did, one entry per device, class, direction, target and fate.
function flows() {
  const all = new Map();
  for (const l of result.view.landings) {
    const key = [l.bdf, l.class, l.access, l.owner, l.stopped].join('|');
    const flow = all.get(key) || {bdf: l.bdf, class: l.class, access: l.access, owner: l.owner, stopped: l.stopped, bytes: 0, accesses: 0};
    flow.bytes += l.bytes;
    flow.accesses += l.accesses;
    all.set(key, flow);
  }
  return [...all.values()].sort((a, b) => HONEST.has(b.class) - HONEST.has(a.class));
}

function kernelWords(name) {
  if (!name) return 'model only';
  const kernel = result.kernels.find(k => k.name === name) || {};
  return `Linux ${name}, ${kernel.package ? 'unmodified' : kernel.modified ? 'modified' : 'your own'} code`;
}

function domainBoxes(y, height, width) {
  const gap = 16;
  const each = Math.min(380, (width - gap * (result.domains.length - 1)) / Math.max(1, result.domains.length));
  const left = (width - each * result.domains.length - gap * (result.domains.length - 1)) / 2;
  const middles = new Map();
  const drawn = result.domains.map((d, i) => {
    const x = left + i * (each + gap);
    middles.set(d.name, x + each / 2);
    const stopped = d.state !== 'running';
    const chars = Math.max(3, Math.floor((each - 26) / (each > 170 ? 13 : 8)));
    const chips = Math.min(d.vcpus, Math.floor((each - 30) / 58));
    return s('g', {}, s('rect', {class: 'box', x, y, width: each, height, rx: 8, ...tipped(
      `${d.name}: ${d.role}\nkernel ${d.kernel || 'none, model only'}\n${plural(d.vcpus, 'vCPU')}, ${d.state}`, true)}),
    s('rect', {x, y, width: 7, height, rx: 3, fill: paint(ownerColour(d.name))}),
    s('text', {class: 'strong', x: x + 20, y: y + 24}, cut(d.name, chars)),
    each > 170 && s('text', {class: 'soft small', x: x + each - 12, y: y + 24, 'text-anchor': 'end'}, d.role),
    s('text', {class: 'small', x: x + 20, y: y + 43, style: stopped ? `fill:${paint('--bad')}` : null},
      cut(each > 170 ? `${kernelWords(d.kernel)} \u00b7 ${d.state}` : d.state, Math.floor((each - 26) / 6.2))),
    Array.from({length: chips}, (_, v) => s('g', {},
      s('rect', {class: 'box sunk', x: x + 20 + v * 58, y: y + 54, width: 52, height: 20, rx: 4}),
      s('text', {class: 'small', x: x + 46 + v * 58, y: y + 68, 'text-anchor': 'middle'}, `vCPU${v}`))));
  });
  return {drawn, middles};
}

// Machine memory as one bar, a segment per owner, wide as its share but never too thin to name.
function memoryBar(x, y, width, height) {
  const frames = new Map();
  for (const [, count, owner] of result.view.memory.runs) {
    const name = result.view.memory.owners[owner];
    frames.set(name, (frames.get(name) || 0) + count);
  }
  for (const l of result.view.landings) if (l.class !== 'E9' && !frames.has(l.owner)) frames.set(l.owner, 0);
  const rank = name => name === 'xen' ? -1 : name === 'free' ? 99 : ownerOrder.indexOf(name) < 0 ? 50 : ownerOrder.indexOf(name);
  const owners = [...frames.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const weight = name => Math.sqrt(frames.get(name)) || 1;
  const total = owners.reduce((sum, name) => sum + weight(name), 0);
  const least = Math.min(90, width / Math.max(1, owners.length));
  const spare = width - least * owners.length;
  const middles = new Map();
  let at = x;
  const drawn = owners.map(name => {
    const w = least + spare * weight(name) / total;
    middles.set(name, {left: at, width: w});
    const text = `${name}: ${bytes(frames.get(name) * 4096)} of machine memory`;
    const segment = s('g', {}, s('rect', {x: at, y, width: w, height, fill: paint(ownerColour(name)), stroke: paint('--card'),
      'stroke-width': 2, ...tipped(text, true)}),
    s('text', {class: 'strong halo', x: at + w / 2, y: y + height / 2 - 1, 'text-anchor': 'middle'}, cut(name, Math.floor(w / 8))),
    s('text', {class: 'small halo', x: at + w / 2, y: y + height / 2 + 15, 'text-anchor': 'middle'}, bytes(frames.get(name) * 4096)));
    at += w;
    return segment;
  });
  return {drawn, middles};
}

function drawFabric(y, width, bar) {
  const nodes = result.view.topology;
  const {place, depth, step} = layoutTree(nodes, 0, width);
  const levelHeight = 84;
  const boxWidth = Math.min(246, step - 14);
  const at = id => ({x: place.get(id).x, y: y + bar + 40 + (place.get(id).level - 1) * levelHeight});
  const wires = [];
  const drawn = [];
  const top = new Map();
  for (const n of nodes) {
    if (n.kind === 'root_complex') continue;
    const {x, y: boxY} = at(n.id);
    const leaf = n.kind === 'endpoint';
    const height = leaf ? 70 : 36;
    const w = leaf ? boxWidth : Math.min(boxWidth, 176);
    const parent = nodes.find(p => p.id === n.parent);
    const fromY = !parent || parent.kind === 'root_complex' ? y + bar : at(parent.id).y + 36;
    const fromX = !parent || parent.kind === 'root_complex' ? x : at(parent.id).x;
    const middle = (fromY + boxY) / 2;
    wires.push(s('path', {class: 'wire', d: `M${fromX},${fromY} V${middle} H${x} V${boxY}`,
      'stroke-width': n.link_width ? 1.5 + Math.log2(n.link_width) : 1.5}));
    if (n.link_gen) drawn.push(s('text', {class: 'small halo', x: x - 8, y: boxY - 8, 'text-anchor': 'end'}, `Gen${n.link_gen} x${n.link_width}`));
    const facts = [n.label, n.bdf, n.driver && `driver ${n.driver}`, n.domain && `assigned to ${n.domain}`,
      n.link_gen && `link Gen${n.link_gen} x${n.link_width}`, ...n.notes].filter(Boolean).join('\n');
    drawn.push(s('rect', {class: 'box', x: x - w / 2, y: boxY, width: w, height, rx: leaf ? 8 : 4, ...tipped(facts, true)}));
    if (leaf && n.domain) drawn.push(s('rect', {x: x - w / 2, y: boxY, width: 7, height, rx: 3, fill: paint(ownerColour(n.domain))}));
    const chars = Math.floor(w / 7.4);
    drawn.push(s('text', {class: leaf ? 'strong' : 'small', x, y: boxY + (leaf ? 20 : 15), 'text-anchor': 'middle'},
      cut(leaf ? `${n.id}  ${n.bdf}` : n.label, chars)));
    drawn.push(s('text', {class: 'soft small', x, y: boxY + (leaf ? 38 : 29), 'text-anchor': 'middle'}, cut(leaf ? n.label : `${n.id}  ${n.bdf}`, chars + 4)));
    if (leaf) drawn.push(s('text', {class: 'small', x, y: boxY + 56, 'text-anchor': 'middle'},
      cut(n.domain ? `${n.domain}${n.driver ? ', ' + n.driver : ''}` : 'not assigned', chars + 4)));
    top.set(n.bdf, {x, y: boxY, width: w});
  }
  return {wires, drawn, top, bottom: y + bar + 40 + Math.max(1, depth) * levelHeight};
}

function arrow(d, colour, width, dashed, label) {
  return s('path', {d, fill: 'none', stroke: paint(colour), 'stroke-width': width, 'stroke-dasharray': dashed ? '7 5' : null,
    'marker-end': `url(#head${colour})`, style: 'pointer-events:stroke', ...tipped(label, false)});
}

function machineSection() {
  if (!result.view.topology.length) return null;
  const W = MACHINE_WIDTH;
  const memoryWidth = W * 0.74;
  const {iommu} = result.view;
  const y = {domains: 8, xen: 112, memory: 176, iommu: 322, root: 388};
  const domains = domainBoxes(y.domains, 84, W);
  const memory = memoryBar(0, y.memory, memoryWidth, 56);
  const fabric = drawFabric(y.root, W, 38);
  const apicX = memoryWidth + 22;
  const apicWidth = W - apicX;
  const parts = [domains.drawn,
    s('rect', {class: 'box sunk', x: 0, y: y.xen, width: W, height: 44, rx: 6}),
    memory.drawn,
    s('rect', {class: 'box sunk', x: apicX, y: y.memory, width: apicWidth, height: 56, rx: 6}),
    s('text', {class: 'strong', x: apicX + apicWidth / 2, y: y.memory + 24, 'text-anchor': 'middle'}, 'Local APICs, IO-APIC'),
    s('text', {class: 'soft small', x: apicX + apicWidth / 2, y: y.memory + 42, 'text-anchor': 'middle'}, 'interrupt window 0xfee00000'),
    s('rect', {class: iommu.present ? 'box sunk' : 'absent', x: 0, y: y.iommu, width: W, height: 40, rx: 6}),
    s('rect', {class: 'box sunk', x: 0, y: y.root, width: W, height: 38, rx: 6}),
    fabric.wires];
  // Over the arrows: bridges, devices and the names of the bars.
  const over = [fabric.drawn,
    s('text', {class: 'strong', x: 16, y: y.xen + 27}, 'Xen'),
    s('text', {class: 'soft', x: 62, y: y.xen + 27}, cut(result.view.policy ? `policy: ${result.view.policy}` : '', 110)),
    s('text', {class: 'strong', x: 16, y: y.root + 24}, 'Root complex'),
    s('text', {class: iommu.present ? 'strong' : 'soft', x: 16, y: y.iommu + 25}, iommu.present ? 'IOMMU' : 'No IOMMU'),
    s('text', {class: 'soft halo', x: W - 16, y: y.iommu + 25, 'text-anchor': 'end'}, iommu.present
      ? [iommu.dma_remapping && 'DMA remapping', iommu.interrupt_remapping ? 'interrupt remapping' : 'interrupts pass'].filter(Boolean).join(', ')
      : 'what a device addresses, it reaches')];

  // A device's flows leave its box side by side and end side by side in the memory they addressed.
  const heads = flows().filter(f => fabric.top.has(f.bdf));
  const target = f => f.class === 'E9' ? {left: apicX + apicWidth / 2, width: apicWidth / 2} : memory.middles.get(f.owner) || {left: 0, width: memoryWidth};
  const tally = (counts, key) => {
    const seen = counts.get(key) || 0;
    counts.set(key, seen + 1);
    return seen;
  };
  const leaving = new Map();
  const ending = new Map();
  for (const f of heads) {
    f.slot = tally(leaving, f.bdf);
    f.seat = tally(ending, f.class === 'E9' ? 'E9' : f.owner);
  }
  for (const f of heads) {
    const from = fabric.top.get(f.bdf);
    const {left, width} = target(f);
    f.startX = from.x + 14 + (f.slot + 0.5) * (from.width / 2 - 20) / leaving.get(f.bdf);
    f.startY = from.y;
    f.landX = left + width * (f.seat + 0.5) / ending.get(f.class === 'E9' ? 'E9' : f.owner);
    f.endX = f.stopped ? (f.startX + f.landX) / 2 : f.landX;
    f.endY = f.stopped ? y.iommu + 42 : y.memory + 60;
    f.text = `${f.class} ${f.access} ${bytes(f.bytes)}${f.stopped ? ' stopped' : ''}`;
  }
  const landed = heads.filter(f => !f.stopped);
  levels(landed.map(f => ({x: f.endX, width: f.text.length * 7.6 + 16})), 4).forEach((level, i) => { landed[i].level = level; });
  heads.forEach(f => {
    const colour = classColour(f.class);
    const bend = Math.max(50, (f.startY - f.endY) * 0.5);
    const words = `${f.bdf} ${f.access}s ${bytes(f.bytes)} in ${f.accesses === 1 ? 'one access' : grouped(f.accesses) + ' accesses'}\n${f.class}: ${CLASS_TEXT[f.class]}` +
      `\n${f.class === 'E9' ? 'interrupt window' : 'memory of ' + f.owner}\n${f.stopped ? 'stopped by the IOMMU' : 'landed'}`;
    parts.push(arrow(`M${f.startX},${f.startY} C${f.startX},${f.startY - bend} ${f.endX},${f.endY + bend} ${f.endX},${f.endY}`, colour,
      HONEST.has(f.class) ? 2 : 3.5, false, words));
    if (f.stopped) {
      over.push(s('text', {class: 'strong halo', x: f.endX, y: y.iommu + 32, 'text-anchor': 'middle', style: `fill:${paint('--good')};font-size:28px`}, '\u2715'));
    }
    const beside = f.endX + f.text.length * 7.6 + 20 < W ? 1 : -1;  // right of the arrow, at the right edge left of it
    over.push(s('text', {class: 'strong halo', x: f.endX + beside * (f.stopped ? 16 : 9), 'text-anchor': beside > 0 ? 'start' : 'end', y: f.stopped ? y.iommu + 25 : y.memory + 84 + f.level * 18,
      style: `fill:${paint(colour)}`}, f.text));
  });
  const sources = new Map();
  for (const i of result.interrupts) {
    const key = `${i.source}|${i.domain}`;
    const entry = sources.get(key) || {source: i.source, domain: i.domain, delivered: 0};
    entry.delivered += i.delivered;
    sources.set(key, entry);
  }
  let lane = 0;
  for (const i of sources.values()) {
    const from = fabric.top.get(i.source);
    if (!from) continue;
    const startX = from.x - 20 - lane * 8;
    const toX = apicX + 26 + lane * 16;
    const words = `${plural(i.delivered, 'interrupt')} of ${i.source}\ndelivered to ${i.domain}`;
    parts.push(arrow(`M${startX},${from.y} C${startX},${from.y - 120} ${toX},${y.memory + 200} ${toX},${y.memory + 62}`, '--accent', 2, true, words));
    const middle = domains.middles.get(i.domain);
    if (middle !== undefined) {
      const x = middle + 60 + lane * 10;
      parts.push(arrow(`M${toX},${y.memory} V${y.memory - 9} H${x} V${y.domains + 90}`, '--accent', 2, true, words));
    }
    over.push(s('text', {class: 'small halo', x: toX + 9, y: y.memory + 86 + lane * 16, style: `fill:${paint('--accent')}`}, plural(i.delivered, 'interrupt')));
    lane++;
  }
  const colours = ['--e-ok', '--e-own', '--e-esc', '--e-irq', '--accent'];
  const markers = s('defs', {}, colours.map(c => s('marker', {id: `head${c}`, viewBox: '0 0 10 10', refX: 7, refY: 5, markerWidth: 10, markerHeight: 10,
    markerUnits: 'userSpaceOnUse', orient: 'auto'}, s('path', {d: 'M0,0 L10,5 L0,10 z', fill: paint(c)}))));
  return h('section', {id: 'machine'}, h('h2', {}, 'The machine'),
    lead('Solid arrows are DMA, from the device that issued it to the memory it addressed; dashed arrows are interrupts. Point at a box or an arrow, or reach boxes with Tab.'),
    s('svg', {viewBox: `-4 0 ${W + 8} ${fabric.bottom + 6}`, role: 'group', 'aria-label': 'Machine drawing'}, markers, parts, over),
    legend([[paint('--e-ok'), 'DMA where it belongs (E0, E1, E4)'], [paint('--e-own'), 'own memory, not mapped (E2)'],
      [paint('--e-esc'), 'DMA escape'], [paint('--e-irq'), 'forged interrupt (E9)'], [paint('--accent'), 'interrupt delivery']]));
}
