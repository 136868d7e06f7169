// SPDX-License-Identifier: Apache-2.0
// Findings, faults and stopped domains: who did it, to whom, through which frame.
'use strict';

function stack(frames) {
  if (!frames || !frames.length) return h('p', {class: 'lead'}, 'no frames');
  return h('ol', {class: 'stack'}, frames.map(f => h('li', {}, f.function || '?', ' ', f.file ? h('span', {}, `${f.file}:${f.line}`) : null)));
}

function facts(pairs) {
  return h('dl', {}, pairs.filter(Boolean).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

function hexdump(text) {
  const lines = [];
  for (let at = 0; at < text.length; at += 32) {
    const row = text.slice(at, at + 32).match(/../g);
    const print = row.map(b => { const c = parseInt(b, 16); return c > 31 && c < 127 ? String.fromCharCode(c) : '.'; }).join('');
    lines.push(`${(at / 2).toString(16).padStart(4, '0')}  ${row.join(' ').padEnd(47)}  ${print}`);
  }
  return lines.join('\n');
}

// From the device to the handler, as far as it came.
function messageText(m) {
  const parts = [`${m.address} = 0x${m.data.toString(16)}, ${m.format} format`];
  if (m.entry !== null) parts.push(`entry ${m.entry} of the interrupt remapping table${m.source ? `, which serves ${m.source}` : ', not present'}`);
  if (m.vector !== null) parts.push(`vector 0x${m.vector.toString(16)}, ${m.delivery}, local APIC ${m.processor}`);
  if (m.pirq !== null) parts.push(`pirq ${m.pirq} of ${m.domain}`);
  if (m.port !== null) parts.push(`event channel ${m.port}`);
  if (m.handler) parts.push(`${m.handler}()`);
  return parts.join(' \u2192 ');
}

// Who wrote the entry that a remappable message names.
function entryWriter(m) {
  if (!m || !m.written_by) return null;
  const w = m.written_by;
  return [h('h4', {}, `Entry ${m.entry} written by ${w.domain}${w.hypercall ? `, ${w.hypercall}` : ''} at ${time(w.time_ps)}`),
    w.backtrace.length ? stack(w.backtrace) : null];
}

// What another needs to see it again, and to judge what it was seen with.
function evidence(f) {
  const e = f.evidence;
  return h('details', {class: 'evidence'}, h('summary', {}, 'Evidence and limits'), facts([
    e.build ? ['build', h('code', {}, e.build)] : null,
    ['expected', `exit code ${e.exit_code}, ${shortTime(e.run_ps)} of simulated time`],
    e.configuration ? ['configuration', h('code', {style: 'overflow-wrap:anywhere'}, e.configuration)] : null,
    e.tools.length ? ['tools', e.tools.join(', ')] : null,
    ['files', e.files.length ? e.files.join(', ') : 'none kept; the command above leaves result.json and consoles, with --format trace,perfetto,pcapng the traces'],
    f.limits.length ? ['limits', h('ul', {style: 'margin:0;padding-left:18px'}, f.limits.map(l => h('li', {}, l)))] : null]),
  e.trace.length ? [h('h4', {}, 'Records of the trace around it'), h('pre', {class: 'dump'}, e.trace.map((line, i) =>
    (i && line.record !== e.trace[i - 1].record + 1 ? '       ...\n' : '') + `${String(line.record).padStart(7)}  ${line.text}`).join('\n'))] : null);
}

function findingCard(f) {
  const by = f.programmed_by;
  const owners = f.frame && (f.frame.owner_when_programmed === f.frame.owner_when_landed ? f.frame.owner_when_landed
    : `${f.frame.owner_when_programmed} when programmed, ${f.frame.owner_when_landed} at landing`);
  return h('article', {class: 'finding' + (f.stopped_by ? ' stopped' : ''), id: f.id},
    h('h3', {}, h('span', {class: 'mono'}, f.id), chip(f.stopped_by ? 'holds' : 'violated', f.class), chip(f.severity === 'high' || f.severity === 'critical' ? 'violated' : 'unable', f.severity),
      h('span', {}, f.title), f.embargo ? chip('unable', 'embargo') : null, f.occurrences > 1 ? chip('skipped', `${grouped(f.occurrences)} times`) : null),
    h('div', {class: 'two'},
      h('div', {}, facts([
        ['what', `${f.class}: ${CLASS_TEXT[f.class]}`],
        ['device', f.device.bdf + (f.device.requester_id === f.device.bdf ? '' : `, on the wire as ${f.device.requester_id}`)],
        f.attacker && ['attacker', `${f.attacker.domain}${f.attacker.role ? ` (${f.attacker.role})` : ''}`],
        ['deputy', f.deputy ? `${f.deputy}, which did what its driver\u2019s registers said` : 'none: the device made up the address'],
        f.victim && ['victim', `${f.victim.domain} (${f.victim.role})`],
        ['access', `${f.direction} of ${bytes(f.bytes)} at ${f.address}${f.bus_address !== f.address ? `, bus address ${f.bus_address}` : ''}${f.peer ? `, ${f.peer}` : ''}, ${f.stopped_by ? 'stopped' : 'landed'} at ${time(f.landed_ps)}`],
        f.leaked_bytes_proven ? ['proven', h('span', {class: 'no'}, `${grouped(f.leaked_bytes_proven)} bytes of the secret, byte for byte`)] : null,
        f.stopped_by && ['stopped by', h('span', {class: 'yes'}, f.stopped_by)],
        f.frame && ['frame', `${f.mfn ? 'mfn ' + f.mfn + ', ' : ''}owner ${owners}, type ${f.frame.type}, generation ${f.frame.generation_when_programmed !== null && f.frame.generation_when_programmed !== f.frame.generation ? `${f.frame.generation_when_programmed} when programmed, ` : ''}${f.frame.generation}${f.frame.grant_maps ? `, ${f.frame.grant_maps} grant maps` : ''}`],
        f.message ? ['message', messageText(f.message)] : null,
        f.cwe.length ? ['weakness', f.cwe.join(', ')] : null,
        f.cvss ? ['CVSS', h('code', {}, f.cvss)] : null,
        f.step ? ['during', f.step] : null,
      ]),
      f.story.length ? [h('h4', {}, 'What happened'), h('ol', {class: 'story'}, [...f.story].sort((a, b) => a.time_ps - b.time_ps).map(step =>
        h('li', {}, h('time', {}, time(step.time_ps)), h('b', {}, step.actor), ' ', step.text)))] : null),
      h('div', {},
        by ? [h('h4', {}, `Programmed by ${by.register} = ${by.value} at ${time(by.time_ps)}, vCPU ${by.vcpu}`), stack(by.backtrace)] : null,
        entryWriter(f.message),
        f.mapped_by ? [h('h4', {}, `Mapped for DMA at ${time(f.mapped_by.time_ps)}: ${f.mapped_by.address}, ${bytes(f.mapped_by.bytes)}`), stack(f.mapped_by.backtrace)] : null,
        f.unmapped_by ? [h('h4', {}, `Unmapped at ${time(f.unmapped_by.time_ps)}`), stack(f.unmapped_by.backtrace)] : null,
        f.first_bytes ? [h('h4', {}, 'First bytes'), h('pre', {class: 'dump'}, hexdump(f.first_bytes))] : null,
        Object.keys(f.other_modes).length ? [h('h4', {}, 'Same seed, other modes'), facts(Object.entries(f.other_modes).map(([m, text]) => [`${m} ${MODE_TEXT[m]}`, text]))] : null)),
    h('h4', {}, 'Reproduce'), h('pre', {}, f.reproduce), evidence(f));
}

function findingsSection() {
  const escaped = result.findings.filter(f => !f.stopped_by).length;
  const words = result.findings.length ? `${plural(escaped, 'finding')} reached a place the device had no right to` +
    `, ${result.findings.length - escaped} stopped.` : Object.keys(result.dma).length ? 'None: every access stayed where it belonged.' : 'No DMA was seen.';
  return h('section', {id: 'findings'}, h('h2', {}, 'Findings'), lead(words),
    Object.keys(result.dma).length ? table([
      {title: 'Class', of: ([c]) => chip(HONEST.has(c) ? 'holds' : 'violated', c)}, {title: 'Where it landed', of: ([c]) => CLASS_TEXT[c]},
      {title: 'Accesses', number: true, of: ([, t]) => grouped(t.accesses)}, {title: 'Bytes', number: true, of: ([, t]) => grouped(t.bytes)},
    ], Object.entries(result.dma)) : null,
    result.findings.map(findingCard));
}

function faultsSection() {
  if (!result.faults.length) return null;
  return h('section', {id: 'faults'}, h('h2', {}, 'IOMMU faults'), lead('In the words of the kernel\u2019s own log.'), table([
    {title: 'Time', number: true, of: f => time(f.time_ps)}, {title: 'Device', of: f => f.bdf}, {title: 'Access', of: f => f.access},
    {title: 'Address', of: f => h('code', {}, f.address)}, {title: 'Reason', number: true, of: f => hex(f.reason)}, {title: 'Text', of: f => h('code', {}, f.text)},
  ], result.faults.slice(0, 200)), result.faults.length > 200 ? h('p', {class: 'lead'}, `first 200 of ${grouped(result.faults.length)}`) : null);
}

function stoppedSection() {
  const stopped = result.domains.filter(d => d.state !== 'running');
  if (!stopped.length) return null;
  return h('section', {id: 'stopped'}, h('h2', {}, 'Stopped domains'), stopped.map(d => h('article', {class: 'finding'},
    h('h3', {}, d.name, chip('violated', d.state), d.report ? d.report.kind : null),
    d.report ? [h('pre', {}, d.report.message), h('h4', {}, 'Backtrace'), stack(d.report.backtrace)] : null)));
}
