// SPDX-License-Identifier: Apache-2.0
// Machine memory as a line that can be zoomed, with every access that is no honest one drawn from its device to the frame, or
// to the IOMMU that stopped it.
'use strict';

const MAP = {width: 1180, height: 400, left: 14, right: 1166, devices: 18, wall: 206, strip: 296, tall: 40};

function attackMap() {
  const {owners, types, runs} = result.view.memory;
  if (!runs.length) return null;
  const last = runs[runs.length - 1];
  const end = Math.max(result.view.machine_frames, last[0] + last[1]);
  const landings = result.view.landings.filter(l => !HONEST.has(l.class)).map(l => ({...l, from: parseInt(l.address, 16) / 4096}));
  const inMemory = landings.filter(l => l.class !== 'E9' && l.class !== 'E8' && l.from < end);
  const elsewhere = landings.filter(l => !inMemory.includes(l));
  const devices = result.view.topology.filter(n => n.kind === 'endpoint');
  const view = {from: 0, to: end};
  const svg = s('svg', {viewBox: `0 0 ${MAP.width} ${MAP.height}`, role: 'application', tabindex: 0,
    'aria-label': 'Machine memory and where devices reached; plus and minus zoom, arrow keys move, 0 shows all, n goes to the next access'});
  const told = h('span', {class: 'mono', role: 'status'});
  const clamp = () => {
    const span = Math.max(8, Math.min(end, view.to - view.from));
    view.from = Math.max(0, Math.min(end - span, view.from));
    view.to = view.from + span;
  };
  const zoom = (factor, at) => {
    const centre = at === undefined ? (view.from + view.to) / 2 : at;
    view.from = centre - (centre - view.from) * factor;
    view.to = centre + (view.to - centre) * factor;
    clamp();
    draw();
  };
  const pan = share => {
    const by = (view.to - view.from) * share;
    view.from += by;
    view.to += by;
    clamp();
    draw();
  };
  const whole = () => { view.from = 0; view.to = end; draw(); };
  let hop = -1;
  const next = () => {
    if (!inMemory.length) return;
    hop = (hop + 1) % inMemory.length;
    const l = inMemory[hop];
    view.from = l.from - 24;
    view.to = l.from + Math.max(1, l.span_bytes / 4096) + 24;
    clamp();
    draw();
    told.textContent = `${describeLanding(l)} at ${l.address}, memory of ${l.owner}`;
  };
  const x = mfn => MAP.left + (mfn - view.from) / (view.to - view.from) * (MAP.right - MAP.left);
  const deviceX = i => MAP.left + (i + 0.5) * (MAP.right - MAP.left) / Math.max(1, devices.length);

  function strip() {
    const parts = [];
    let drawnTo = -1;
    for (const [start, count, owner, type] of runs) {
      if (start + count < view.from || start > view.to) continue;
      const a = Math.max(MAP.left, x(start)), b = Math.min(MAP.right, x(start + count));
      if (b - a < 0.4 && b < drawnTo + 0.4) continue;  // nothing that the eye could tell from its neighbour
      drawnTo = b;
      const box = s('rect', {x: a, y: MAP.strip, width: Math.max(b - a, 0.5), height: MAP.tall, fill: paint(ownerColour(owners[owner])),
        ...tipped(`${owners[owner]}, ${types[type]}\n${hex(start * 4096)} to ${hex((start + count) * 4096 - 1)}\n${bytes(count * 4096)}`)});
      parts.push(box);
      if (!isPlain(types[type]) && owners[owner] !== 'xen' && b - a > 3) {
        parts.push(s('rect', {x: a, y: MAP.strip + MAP.tall - 6, width: b - a, height: 6, fill: paint('--ink'), opacity: 0.55}));
      }
      if (b - a > 60) parts.push(s('text', {x: (a + b) / 2, y: MAP.strip + 25, 'text-anchor': 'middle', class: 'halo strong'}, owners[owner]));
    }
    return parts;
  }

  function axisMarks() {
    const marks = [];
    for (let i = 0; i <= 4; i++) {
      const mfn = view.from + (view.to - view.from) * i / 4;
      marks.push(s('text', {x: x(mfn), y: MAP.strip + MAP.tall + 20, class: 'soft small', 'text-anchor': i === 0 ? 'start' : i === 4 ? 'end' : 'middle'},
        hex(Math.floor(mfn) * 4096)));
    }
    return marks;
  }

  const path = (x0, y0, x1, y1) => `M${x0},${y0} C${x0},${(y0 + y1) / 2} ${x1},${(y0 + y1) / 2} ${x1},${y1}`;

  function arrows() {
    const drawn = [];
    const byDevice = bdf => Math.max(0, devices.findIndex(d => d.bdf === bdf));
    const seen = new Set();
    for (const l of inMemory) {
      const at = x(l.from + l.span_bytes / 8192);
      if (at < MAP.left - 1 || at > MAP.right + 1) continue;
      const key = `${l.bdf} ${l.class} ${l.stopped} ${l.access} ${Math.round(at / 3)}`;
      if (seen.has(key)) continue;  // one line for what falls on the same spot
      seen.add(key);
      const colour = paint(classColour(l.class));
      const from = deviceX(byDevice(l.bdf)) + (l.access === 'read' ? -10 : 10);
      const to = l.stopped ? MAP.wall : MAP.strip;
      const target = l.stopped ? from + (at - from) * 0.5 : at;
      const text = `${describeLanding(l)}\n${l.address}, memory of ${l.owner}`;
      drawn.push(s('path', {d: path(from, MAP.devices + 50, target, to), fill: 'none', stroke: colour, 'stroke-width': 2.4,
        'stroke-dasharray': l.access === 'read' ? '7 4' : null}));
      if (l.stopped) {
        drawn.push(s('path', {d: `M${target - 7},${to - 7} L${target + 7},${to + 7} M${target - 7},${to + 7} L${target + 7},${to - 7}`, stroke: colour, 'stroke-width': 3}));
        drawn.push(s('path', {d: path(target, to, at, MAP.strip), fill: 'none', stroke: colour, 'stroke-width': 1, opacity: 0.35, 'stroke-dasharray': '2 5'}));
      } else {
        drawn.push(s('rect', {x: at - 2, y: MAP.strip - 3, width: Math.max(4, x(l.from + l.span_bytes / 4096) - x(l.from)), height: MAP.tall + 6, fill: 'none', stroke: colour, 'stroke-width': 2.5}));
        drawn.push(s('path', {d: `M${at - 6},${MAP.strip - 13} L${at},${MAP.strip - 2} L${at + 6},${MAP.strip - 13} Z`, fill: colour}));
      }
      drawn.push(s('text', {x: target + 9, y: to - 18, class: 'halo strong', fill: colour, ...tipped(text, true)}, `${l.class} ${l.access}${l.stopped ? ', stopped' : ''}`));
    }
    return drawn;
  }

  function draw() {
    const walled = result.view.iommu.present && result.view.iommu.dma_remapping;
    svg.replaceChildren(
      ...devices.map((d, i) => s('g', tipped(`${d.label}\n${d.bdf}${d.domain ? `\nof ${d.domain}` : ''}`, true),
        s('rect', {x: deviceX(i) - 95, y: MAP.devices, width: 190, height: 50, rx: 7, class: 'box'}),
        s('text', {x: deviceX(i), y: MAP.devices + 21, 'text-anchor': 'middle', class: 'strong'}, cut(d.id, 24)),
        s('text', {x: deviceX(i), y: MAP.devices + 39, 'text-anchor': 'middle', class: 'soft small'}, `${d.bdf}${d.domain ? ` of ${cut(d.domain, 14)}` : ''}`))),
      s('line', {x1: MAP.left, x2: MAP.right, y1: MAP.wall, y2: MAP.wall, class: walled ? 'wire' : 'absent', 'stroke-width': walled ? 5 : 1.5}),
      s('text', {x: MAP.left, y: MAP.wall - 9, class: 'small strong halo'}, walled ? 'IOMMU: DMA remapping' : 'no DMA remapping'),
      s('rect', {x: MAP.left, y: MAP.strip, width: MAP.right - MAP.left, height: MAP.tall, class: 'sunk'}),
      ...strip(), ...axisMarks(), ...arrows(),
      s('rect', {x: MAP.left, y: MAP.height - 22, width: MAP.right - MAP.left, height: 8, class: 'sunk'}),
      s('rect', {x: MAP.left + view.from / end * (MAP.right - MAP.left), y: MAP.height - 24, width: Math.max(4, (view.to - view.from) / end * (MAP.right - MAP.left)), height: 12, class: 'window'}));
  }

  const mfnAt = e => {
    const box = svg.getBoundingClientRect();
    return view.from + ((e.clientX - box.left) / box.width * MAP.width - MAP.left) / (MAP.right - MAP.left) * (view.to - view.from);
  };
  svg.addEventListener('wheel', e => {
    if (!e.ctrlKey && !e.shiftKey && document.activeElement !== svg) return;  // the page scrolls until the map is chosen
    e.preventDefault();
    zoom(e.deltaY > 0 ? 1.25 : 0.8, mfnAt(e));
  }, {passive: false});
  let held = null;
  svg.addEventListener('pointerdown', e => { held = e.clientX; svg.focus(); });
  svg.addEventListener('pointermove', e => {
    if (held === null || !e.buttons) return;
    pan(-(e.clientX - held) / svg.getBoundingClientRect().width);
    held = e.clientX;
  });
  svg.addEventListener('pointerup', () => { held = null; });
  svg.addEventListener('dblclick', e => zoom(0.4, mfnAt(e)));
  svg.addEventListener('keydown', e => {
    const act = {'+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1 / 0.6), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), 0: whole, n: next}[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  });
  draw();
  const present = [...new Set(runs.map(r => owners[r[2]]))];
  const button = (text, act) => h('button', {type: 'button', onclick: act}, text);
  return h('section', {id: 'map'}, h('h2', {}, 'Where the devices reached'),
    lead('The machine\u2019s memory by owner; arrows go from a device to the frame it reached, or end at the remapping that stopped it. Solid: write; dashed: read. A dark foot marks pages of a special type.'),
    legend(present.map(o => [paint(ownerColour(o)), o])), svg,
    h('div', {class: 'tools'}, button('+', () => zoom(0.6)), button('\u2212', () => zoom(1 / 0.6)), button('\u2190', () => pan(-0.2)), button('\u2192', () => pan(0.2)),
      button('all', whole), inMemory.length ? button(`next of ${inMemory.length}`, next) : null, told),
    elsewhere.length ? h('p', {class: 'note'}, 'Not in memory: ' + elsewhere.slice(0, 12).map(l => `${describeLanding(l)} at ${l.address}`).join('; ')
      + (elsewhere.length > 12 ? `, and ${elsewhere.length - 12} more` : '')) : null);
}
