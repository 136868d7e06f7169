// SPDX-License-Identifier: Apache-2.0
// Sub-page exposure, threats.md A7: what else lies on a page that a driver has mapped.
'use strict';

const codePlace = f => f ? h('span', {}, h('code', {}, f.function), h('div', {class: 'soft'}, `${f.file}:${f.line}`)) : 'unknown';
const KIND_TEXT = {'object': 'object', 'buffer': 'other buffer of', 'bounced buffer': 'other slot of the bounce pool, for'};

// rows: {exposure, where}; `where`: in which cells of a review, or null.
function exposureTable(rows) {
  const lines = rows.flatMap(r => r.exposure.neighbours.map((n, i) => ({...r, n, first: i === 0})));
  return table([
    {title: 'Mapped by', of: r => r.first ? [codePlace(r.exposure.mapped_by), h('div', {class: 'soft'},
      `${r.exposure.domain}, ${r.exposure.device}, ${bytes(r.exposure.bytes)} ${r.exposure.direction}, ${plural(r.exposure.maps, 'time')}`),
    r.where ? h('div', {class: 'soft'}, r.where) : null] : ''},
    {title: 'Beside it', of: r => [`${KIND_TEXT[r.n.kind]} `, h('code', {}, r.n.cache), r.n.code_pointer ? h('b', {class: 'no'}, ' holds a code pointer') : null]},
    {title: 'Bytes', number: true, of: r => grouped(r.n.bytes)},
    {title: 'Where', of: r => r.n.distance < 0 ? `${grouped(-r.n.distance)} bytes before` : `${grouped(r.n.distance)} bytes behind its end`},
    {title: 'Allocated or mapped by', of: r => codePlace(r.n.allocated_by)},
    {title: 'Times', number: true, of: r => grouped(r.n.times)},
  ], lines);
}

const EXPOSURE_LEAD = 'What lay on a page when it was mapped for a device, outside the buffer. An IOMMU gives whole pages: the device reaches this, too. '
  + 'Other buffers, bounce slots among them, are known everywhere; kernel objects where the kernel keeps their owners (slab_owners=on on its command line).';

function subPageSection() {
  if (!result.sub_page.length) return null;
  return h('section', {id: 'subpage'}, h('h2', {}, 'Sub-page exposure'), lead(EXPOSURE_LEAD),
    exposureTable(result.sub_page.map(exposure => ({exposure, where: null}))));
}
