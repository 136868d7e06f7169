// SPDX-License-Identifier: Apache-2.0
// The memory map: all of machine memory in rows, coloured by owner, with every DMA landing; and one 2 MiB extent close up,
// a cell per frame. Canvas, because a scattered p2m has tens of thousands of runs.
'use strict';

const EXTENT = 512;  // frames
const ROW = {strip: 15, lane: 11, gap: 5};

function memoryMap() {
  const {owners, types, runs} = result.view.memory;
  const last = runs.length ? runs[runs.length - 1] : [0, 0];
  const inMemory = result.view.landings.filter(l => l.class !== 'E9').map(l => ({...l, mfn: Math.floor(parseInt(l.address, 16) / 4096),
    frames: Math.max(1, Math.ceil((parseInt(l.address, 16) % 4096 + l.span_bytes) / 4096))}));
  // Honest ones first, so that what matters is drawn on top.
  inMemory.sort((a, b) => HONEST.has(b.class) - HONEST.has(a.class));
  const end = Math.max(1, result.view.machine_frames, last[0] + last[1]);
  const landings = inMemory.filter(l => l.mfn < end);
  const beyond = inMemory.filter(l => l.mfn >= end);
  // Rows of a power of two extents, at most 24 of them; rows without memory are left out.
  let rowFrames = EXTENT;
  let rows = rowsOf(runs, landings, rowFrames);
  while (rows.length > 24) {
    rowFrames *= 2;
    rows = rowsOf(runs, landings, rowFrames);
  }
  return {owners, types, runs, landings, beyond, end, rowFrames, rows};
}

// Numbers of the rows that hold memory or a landing, ascending.
function rowsOf(runs, landings, rowFrames) {
  const rows = new Set();
  const add = (mfn, count) => {
    for (let row = Math.floor(mfn / rowFrames); row * rowFrames < mfn + count; row++) rows.add(row);
  };
  for (const [start, count] of runs) add(start, count);
  for (const l of landings) add(l.mfn, l.frames);
  return [...rows].sort((a, b) => a - b);
}

function runAt(map, mfn) {
  let low = 0;
  let high = map.runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (map.runs[middle][0] + map.runs[middle][1] <= mfn) low = middle + 1;
    else high = middle;
  }
  const run = map.runs[low];
  return run && run[0] <= mfn ? run : null;
}

function describeFrame(map, mfn) {
  const run = runAt(map, mfn);
  const lines = [`mfn ${hex(mfn)}, address ${hex(mfn * 4096)}`,
    run ? `${map.owners[run[2]]}, ${map.types[run[3]]}` : 'no memory here'];
  for (const l of map.landings) {
    if (mfn >= l.mfn && mfn < l.mfn + l.frames) lines.push(describeLanding(l));
  }
  return lines.slice(0, 7).join('\n');
}

function describeLanding(l) {
  return `${l.class} ${l.access} by ${l.bdf}: ${bytes(l.bytes)}${l.stopped ? ', stopped' : ''}${l.finding ? `, ${l.finding}` : ''}`;
}

function canvasFor(canvas, height) {
  const width = canvas.clientWidth || 1180;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = height + 'px';
  const ctx = canvas.getContext('2d');
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return {ctx, width};
}

// A page-table or other special frame is hatched, so that type does not hang on colour.
function hatch(ctx, x, y, w, height, colour) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let at = x - height; at < x + w; at += 4) {
    ctx.moveTo(at, y + height);
    ctx.lineTo(at + height, y);
  }
  ctx.stroke();
  ctx.restore();
}
const isPlain = type => type === 'writable' || type === 'free' || type === 'none';

const TOP = 20;
const LABEL = 92;

function drawOverview(canvas, map, extent) {
  const rowHeight = ROW.strip + ROW.lane + ROW.gap;
  const height = TOP + map.rows.length * rowHeight;
  const {ctx, width} = canvasFor(canvas, height);
  const scale = (width - LABEL) / map.rowFrames;
  const at = mfn => ({row: Math.floor(mfn / map.rowFrames), x: LABEL + (mfn % map.rowFrames) * scale});
  const index = new Map(map.rows.map((row, i) => [row, i]));
  const y = row => TOP + index.get(row) * rowHeight;
  ctx.font = '11.5px system-ui, sans-serif';
  ctx.fillStyle = css('--soft');
  for (let q = 0; q < 4; q++) ctx.fillText('+' + bytes(q * map.rowFrames * 1024), LABEL + q * map.rowFrames / 4 * scale, 11);
  for (const row of map.rows) ctx.fillText(hex(row * map.rowFrames * 4096), 0, y(row) + 12);
  // A run may cross rows.
  const pieces = (mfn, count, draw) => {
    while (count > 0) {
      const take = Math.min(count, map.rowFrames - mfn % map.rowFrames);
      const {row, x} = at(mfn);
      draw(x, y(row), take * scale);
      mfn += take;
      count -= take;
    }
  };
  for (const [start, count, owner, type] of map.runs) {
    const colour = css(ownerColour(map.owners[owner]));
    pieces(start, count, (x, top, w) => {
      ctx.fillStyle = colour;
      ctx.fillRect(x, top, Math.max(w, 0.6), ROW.strip);
      if (!isPlain(map.types[type]) && map.owners[owner] !== 'xen' && w > 2) hatch(ctx, x, top, w, ROW.strip, css('--card'));
    });
  }
  for (const l of map.landings) {
    const colour = css(classColour(l.class));
    const escape = !HONEST.has(l.class);
    pieces(l.mfn, l.frames, (x, top, w) => {
      ctx.fillStyle = colour;
      ctx.fillRect(x, top + ROW.strip + 1, Math.max(w, 2), escape ? ROW.lane - 2 : 5);
    });
    if (escape) drawPin(ctx, at(l.mfn).x, y(at(l.mfn).row) + ROW.strip - 2, colour, l, width);
  }
  // The extent that is close up.
  const place = at(extent * EXTENT);
  ctx.strokeStyle = css('--ink');
  ctx.lineWidth = 2;
  if (index.has(place.row)) ctx.strokeRect(place.x - 1, y(place.row) - 2, EXTENT * scale + 2, ROW.strip + 4);
  return {scale, rowHeight, mfnAt: (px, py) => {
    const row = map.rows[Math.floor((py - TOP) / rowHeight)];
    const mfn = row * map.rowFrames + Math.floor((px - LABEL) / scale);
    return px < LABEL || row === undefined || mfn >= map.end ? null : mfn;
  }};
}

function drawPin(ctx, x, y, colour, landing, width) {
  const text = `${landing.class}${landing.stopped ? ' stopped' : ''}`;
  ctx.font = 'bold 12px system-ui, sans-serif';
  const w = ctx.measureText(text).width + 12;
  const left = Math.min(x + 7, width - w - 2);
  ctx.lineWidth = 2;
  ctx.strokeStyle = css('--card');
  ctx.fillStyle = landing.stopped ? css('--card') : colour;
  ctx.beginPath();
  ctx.moveTo(x, y - 11);
  ctx.lineTo(x + 8, y - 1);
  ctx.lineTo(x, y + 9);
  ctx.lineTo(x - 8, y - 1);
  ctx.closePath();
  ctx.stroke();
  ctx.fill();
  if (landing.stopped) {
    ctx.strokeStyle = colour;
    ctx.stroke();
  }
  ctx.fillStyle = css('--card');
  ctx.fillRect(left + 3, y - 9, w, 17);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(left + 3, y - 9, w, 17);
  ctx.fillStyle = colour;
  ctx.fillText(text, left + 9, y + 4);
}

const CELLS = 64;  // per row of the close-up
function drawCloseUp(canvas, map, extent, cursor) {
  const cell = ((canvas.clientWidth || 1180) - LABEL) / CELLS;
  const tall = Math.min(22, cell);
  const rows = EXTENT / CELLS;
  const {ctx} = canvasFor(canvas, rows * tall + 4);
  ctx.font = '11.5px system-ui, sans-serif';
  for (let i = 0; i < EXTENT; i++) {
    const mfn = extent * EXTENT + i;
    const x = LABEL + (i % CELLS) * cell;
    const y = Math.floor(i / CELLS) * tall + 2;
    if (i % CELLS === 0) {
      ctx.fillStyle = css('--soft');
      ctx.fillText(hex(mfn * 4096), 0, y + tall / 2 + 4);
    }
    const run = runAt(map, mfn);
    ctx.fillStyle = css(run ? ownerColour(map.owners[run[2]]) : '--card');
    ctx.fillRect(x, y, cell - 1, tall - 1);
    if (run && !isPlain(map.types[run[3]])) hatch(ctx, x, y, cell - 1, tall - 1, css('--card'));
    if (mfn === cursor) {
      ctx.strokeStyle = css('--ink');
      ctx.lineWidth = 2;
      ctx.strokeRect(x - 0.5, y - 0.5, cell, tall);
    }
  }
  for (const l of map.landings) {
    const from = Math.max(l.mfn, extent * EXTENT);
    const to = Math.min(l.mfn + l.frames, (extent + 1) * EXTENT);
    for (let mfn = from; mfn < to; mfn++) {
      const i = mfn - extent * EXTENT;
      const x = LABEL + (i % CELLS + 0.5) * cell;
      const y = (Math.floor(i / CELLS) + 0.5) * tall + 2;
      const escape = !HONEST.has(l.class);
      ctx.beginPath();
      ctx.arc(x, y, escape ? tall * 0.36 : tall * 0.2, 0, 7);
      ctx.fillStyle = css(classColour(l.class));
      ctx.strokeStyle = css('--card');
      ctx.lineWidth = 2;
      ctx.stroke();
      if (l.stopped) {
        ctx.strokeStyle = css(classColour(l.class));
        ctx.stroke();
      } else {
        ctx.fill();
      }
    }
  }
  return {mfnAt: (px, py) => {
    const column = Math.floor((px - LABEL) / cell);
    const row = Math.floor((py - 2) / tall);
    return column < 0 || column >= CELLS || row < 0 || row >= rows ? null : extent * EXTENT + row * CELLS + column;
  }};
}

function memorySection() {
  if (!result.view.memory.runs.length) return null;
  const map = memoryMap();
  const first = map.landings.find(l => !HONEST.has(l.class) && l.class !== 'E2' && !l.stopped) || map.landings.find(l => !HONEST.has(l.class)) || map.landings[0];
  let cursor = first ? first.mfn : map.runs[0][0];
  const overview = h('canvas', {tabindex: 0, role: 'application', 'aria-label': 'Machine memory; arrow keys move the close-up'});
  const closeUp = h('canvas', {tabindex: 0, role: 'application', 'aria-label': 'One extent, a cell per frame; arrow keys move between frames'});
  const where = h('b', {});
  const told = h('span', {class: 'mono', role: 'status'});
  let views = {};
  const redraw = () => {
    const extent = Math.floor(cursor / EXTENT);
    views = {overview: drawOverview(overview, map, extent), closeUp: drawCloseUp(closeUp, map, extent, cursor)};
    where.textContent = `${hex(extent * EXTENT * 4096)} to ${hex((extent + 1) * EXTENT * 4096 - 1)}`;
    told.textContent = describeFrame(map, cursor).replace(/\n/g, '; ');
  };
  const goTo = mfn => {
    cursor = Math.max(0, Math.min(map.end - 1, mfn));
    redraw();
  };
  const attach = (canvas, name, steps) => {
    const at = e => views[name].mfnAt(e.offsetX, e.offsetY);
    canvas.addEventListener('pointermove', e => {
      const mfn = at(e);
      if (mfn === null) hideTip();
      else showTip(describeFrame(map, mfn), e.clientX, e.clientY);
    });
    canvas.addEventListener('pointerleave', hideTip);
    canvas.addEventListener('click', e => { if (at(e) !== null) goTo(at(e)); });
    canvas.addEventListener('keydown', e => {
      const step = steps[e.key];
      if (step === undefined) return;
      e.preventDefault();
      goTo(typeof step === 'function' ? step() : cursor + step);
    });
  };
  const nextRow = direction => () => {
    const here = Math.floor(cursor / map.rowFrames);
    const row = direction > 0 ? map.rows.find(r => r > here) : map.rows.filter(r => r < here).pop();
    return row === undefined ? cursor : row * map.rowFrames + cursor % map.rowFrames;
  };
  attach(overview, 'overview', {ArrowLeft: -EXTENT, ArrowRight: EXTENT, ArrowUp: nextRow(-1), ArrowDown: nextRow(1)});
  attach(closeUp, 'closeUp', {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -CELLS, ArrowDown: CELLS});
  const escapes = map.landings.filter(l => !HONEST.has(l.class));
  const pool = escapes.length ? escapes : map.landings;
  const hop = direction => {
    const sorted = pool.map(l => l.mfn).sort((a, b) => a - b);
    const next = direction > 0 ? sorted.find(m => m > cursor) ?? sorted[0] : sorted.filter(m => m < cursor).pop() ?? sorted[sorted.length - 1];
    if (next !== undefined) goTo(next);
  };
  addEventListener('resize', redraw);
  addEventListener('beforeprint', redraw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('load', redraw);
  requestAnimationFrame(redraw);
  const present = [...new Set(map.runs.map(r => map.owners[r[2]]))];
  const classes = [...new Set(result.view.landings.map(l => l.class))];
  return h('section', {id: 'memory'}, h('h2', {}, 'Memory map'),
    lead(`${bytes(map.end * 4096)} of machine memory by owner; hatched frames have a special type. Below each row: where DMA landed. Escapes are pinned.`),
    legend([...present.map(o => [paint(ownerColour(o)), o]), ...classes.map(c => [paint(classColour(c)), `${c} ${CLASS_TEXT[c]}`])]),
    overview,
    h('div', {class: 'tools'}, h('span', {}, 'Close-up: ', where),
      pool.length ? [h('button', {type: 'button', onclick: () => hop(-1)}, '\u2190 landing'), h('button', {type: 'button', onclick: () => hop(1)}, 'landing \u2192')] : null, told),
    closeUp,
    map.beyond.length ? h('p', {class: 'note'}, 'Outside machine memory: ' + map.beyond.map(l => `${describeLanding(l)} at ${l.address}`).join('; ')) : null,
    landingTable(goTo));
}

function landingTable(goTo) {
  const all = [...result.view.landings].sort((a, b) => HONEST.has(a.class) - HONEST.has(b.class) || parseInt(a.address, 16) - parseInt(b.address, 16));
  if (!all.length) return null;
  const shown = all.slice(0, 200);
  return h('details', {open: all.length <= 12}, h('summary', {}, `${plural(all.length, 'landing')}${all.length > 200 ? ', first 200' : ''}`),
    table([
      {title: 'Class', of: l => chip(HONEST.has(l.class) ? 'holds' : l.stopped ? 'skipped' : 'violated', l.class)},
      {title: 'Device', of: l => l.bdf}, {title: 'Access', of: l => l.access},
      {title: 'Address', of: l => l.class === 'E9' ? l.address : h('button', {type: 'button', class: 'mono', onclick: () => goTo(Math.floor(parseInt(l.address, 16) / 4096))}, l.address)},
      {title: 'Owner', of: l => l.owner}, {title: 'Bytes', number: true, of: l => grouped(l.bytes)},
      {title: 'Accesses', number: true, of: l => grouped(l.accesses)}, {title: 'First', number: true, of: l => time(l.first_ps)},
      {title: 'Fate', of: l => l.stopped ? 'stopped' : 'landed'}, {title: 'Finding', of: l => l.finding ? h('a', {href: '#' + l.finding}, l.finding) : ''},
    ], shown));
}
