// SPDX-License-Identifier: Apache-2.0
// Elements, numbers and colours. Guest strings reach the page as text nodes only.
'use strict';

// The run that is shown: the page's only one, or of a review the one that is chosen.
let result = null;
const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const grouped = n => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
const plural = (n, word) => `${grouped(n)} ${word}${n === 1 ? '' : 's'}`;

function time(ps) {
  for (const [size, unit] of [[1e12, 's'], [1e9, 'ms'], [1e6, '\u00b5s'], [1e3, 'ns']]) {
    if (ps >= size) return `${(ps / size).toFixed(3)} ${unit}`;
  }
  return `${ps} ps`;
}
const shortTime = ps => time(ps).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' ');

function bytes(n) {
  if (n < 1024) return plural(n, 'byte');
  const unit = n < 1048576 ? 1024 : 1048576;
  return `${n % unit ? (n / unit).toFixed(1) : n / unit} ${unit === 1024 ? 'KiB' : 'MiB'}`;
}
const hex = n => '0x' + n.toString(16);

const CLASS_TEXT = {
  E0: 'inside the live mapping', E1: 'same page as a live mapping, outside the buffer', E2: 'own memory, not mapped for DMA',
  E3: 'own page table or descriptor page', E4: 'foreign frame through a live grant', E5: 'foreign domain\u2019s memory',
  E6: 'dom0\u2019s memory', E7: 'the hypervisor\u2019s memory', E8: 'another device\u2019s BAR', E9: 'interrupt window, forged MSI',
  E10: 'reserved or unpopulated address', E11: 'left-over device state of the next owner',
};
const HONEST = new Set(['E0', 'E1', 'E4']);
const MODE_TEXT = {M0: 'no IOMMU', M1: 'DMA remapping', M2: 'DMA and interrupt remapping'};

const classColour = c => HONEST.has(c) ? '--e-ok' : c === 'E2' ? '--e-own' : c === 'E9' ? '--e-irq' : '--e-esc';
let ownerOrder = [];  // domains in the order of their ids, then whoever else owns a frame
function show(shown) {
  result = shown;
  ownerOrder = [...result.domains].sort((a, b) => a.id - b.id).map(d => d.name);
}
function ownerColour(owner) {
  if (owner === 'xen') return '--xen';
  if (owner === 'free') return '--free';
  const place = ownerOrder.indexOf(owner);
  return place < 0 ? '--other' : `--o${place % 6}`;
}
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const paint = name => `var(${name})`;

// A bubble beside the pointer or the focused element.
const tip = h('div', {id: 'tip', role: 'status', hidden: true});
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8)) + 'px';
  tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + 'px';
}
const hideTip = () => { tip.hidden = true; };
// Attributes that give an element a bubble for pointer and keyboard.
function tipped(text, focusable) {
  const attributes = {
    onpointermove: e => showTip(text, e.clientX, e.clientY),
    onpointerleave: hideTip,
    'aria-label': text.replace(/\n/g, ', '),
  };
  if (!focusable) return attributes;
  return {...attributes, tabindex: 0, role: 'img', onblur: hideTip, onfocus: e => {
    const box = e.target.getBoundingClientRect();
    showTip(text, box.left, box.bottom - 14);
  }};
}

function table(columns, rows, rowClass) {
  const cell = (tag, column, content) => h(tag, {class: column.number ? 'n' : null, scope: tag === 'th' ? 'col' : null}, content);
  return h('div', {class: 'scroll'}, h('table', {},
    h('thead', {}, h('tr', {}, columns.map(c => cell('th', c, c.title)))),
    h('tbody', {}, rows.map(row => h('tr', {class: rowClass ? rowClass(row) : null},
      columns.map(c => cell('td', c, c.of(row))))))));
}

function legend(entries) {
  return h('div', {class: 'legend'}, entries.map(([colour, text]) => h('span', {}, h('i', {style: `background:${colour}`}), text)));
}

const chip = (kind, text) => h('span', {class: `chip ${kind}`}, text);
const cut = (text, n) => text.length > n ? text.slice(0, n - 1) + '\u2026' : text;
const lead = text => h('p', {class: 'lead'}, text);
