// SPDX-License-Identifier: Apache-2.0
// The review page: verdict, attacker model, the matrix, and of the cell that is chosen the map, the story and the evidence.
'use strict';

const review = JSON.parse(document.getElementById('review').textContent);
const MODES = ['M0', 'M1', 'M2'];
const MARK = {'ESCAPED': '\u2716', 'HOST-FAULT': '\u2716', 'GUEST-FAULT': '\u2716', 'DEGRADED': '\u25bc', 'CONTAINED': '\u2714', 'N/A': '\u2013'};
const verdictClass = v => v === 'N/A' ? 'NA' : v;
const verdictText = c => `${MARK[c.verdict]} ${c.verdict}${c.class ? ' ' + c.class : ''}`;
const verdictChip = c => chip(verdictClass(c.verdict), verdictText(c));
// "CWE-668 Exposure of ..."; what is not known stays as it is.
const citation = id => review.citations[id] ? h('span', {}, h('b', {}, id), ` ${review.citations[id]}`) : id;
const storyOf = id => review.stories.find(story => story.id === id);
const attacks = [...new Set(review.cells.map(c => c.scenario))];
const well = c => (c.agrees || c.explanation) && c.held;
const allWell = review.cells.every(well) && review.mutants.every(m => m.detected) && review.unmutated_clean && !review.incomplete;

// What a cell's machine was: Xen as it is and as it is configured by default; with a switch, or a piece of hardware, that
// makes it weaker (of which the lint tells); with a flaw of the past put back.
const BY_DEFAULT = new Set(['no IOMMU', 'interrupt remapping off', 'relaxed dom0']);
const lintName = line => line.slice(0, line.indexOf(':'));
function standing(cell) {
  const names = cell.lint.map(lintName);
  return names.includes('old hypervisor') ? 'past' : names.some(name => !BY_DEFAULT.has(name)) ? 'switch' : 'default';
}
const STANDING_TEXT = {default: 'Xen as it is, by default', switch: 'a switch set wrong', past: 'a flaw of the past put back'};
const isHurt = c => /FAULT|DEGRADED/.test(c.verdict);

// Cells of attacks that apply in a mode, one entry per attack.
function appliedIn(mode, kind) {
  return attacks.map(id => review.cells.filter(c => c.scenario === id && c.mode === mode && standing(c) === kind))
    .filter(cells => cells.some(c => c.verdict !== 'N/A'));
}
const escapedOf = groups => groups.filter(cells => cells.some(c => c.verdict === 'ESCAPED'));
const hurtOf = groups => groups.filter(cells => !cells.some(c => c.verdict === 'ESCAPED') && cells.some(isHurt));

function headline() {
  return h('div', {class: 'headline'}, MODES.map(mode => {
    const now = appliedIn(mode, 'default');
    const rest = ['switch', 'past'].map(kind => {
      const groups = appliedIn(mode, kind);
      return groups.length ? h('div', {class: 'soft'}, `${STANDING_TEXT[kind]}: ${escapedOf(groups).length} of ${groups.length} escape`) : null;
    });
    return h('div', {}, h('b', {}, `${mode}: ${MODE_TEXT[mode]}`), h('div', {class: 'big'}, `${escapedOf(now).length} of ${now.length}`),
      h('div', {}, `attacks escape, on ${STANDING_TEXT.default}${hurtOf(now).length ? `, ${hurtOf(now).length} stop or slow somebody` : ''}`), rest);
  }));
}

// What is left where everything is switched on: the answer to who may still reach what, and what would have stopped it.
function remainsSection() {
  const mode = MODES[MODES.length - 1];
  const groups = appliedIn(mode, 'default');
  const rows = [...escapedOf(groups), ...hurtOf(groups)].map(cells => cells.find(c => c.verdict === 'ESCAPED') || cells.find(isHurt));
  // Of a condition what it means, not how it is written.
  const meaning = reason => reason.includes('): ') ? reason.slice(reason.lastIndexOf('): ') + 3) : reason;
  const guardOf = cell => cell.embargo ? 'withheld' : (cell.verdict === 'ESCAPED' && cell.findings.find(f => !f.stopped_by && f.class === cell.class)?.guard) || meaning(cell.reason);
  const gravity = cell => cell.findings.filter(f => !f.stopped_by).map(f => f.severity).sort((a, b) => SEVERITIES.indexOf(b) - SEVERITIES.indexOf(a))[0] || '';
  if (!rows.length) return null;
  return h('section', {id: 'remains'}, h('h2', {}, `What remains in ${mode}`),
    lead(`With DMA and interrupt remapping, on Xen as it is and as it is configured by default: what is not contained, and which check was not there.`),
    table([{title: 'Attack', of: c => h('a', {href: '#story', onclick: e => { e.preventDefault(); choose(c, true); }}, c.scenario)},
      {title: '', of: c => [h('b', {}, c.title), h('div', {class: 'soft'}, storyOf(c.scenario)?.story || '')]},
      {title: 'At stake', of: c => storyOf(c.scenario)?.victim || ''}, {title: 'Verdict', of: c => [verdictChip(c), h('div', {class: 'soft'}, gravity(c))]},
      {title: 'What let it, or what is lost', of: guardOf}], rows));
}
const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'];

function verdictSection() {
  const agree = review.cells.filter(c => c.agrees).length, explained = review.cells.filter(c => !c.agrees && c.explanation).length;
  const fact = (value, words, alarm) => h('div', {class: 'fact' + (alarm ? ' alarm' : '')}, h('b', {}, value), h('span', {}, words));
  const detected = review.mutants.filter(m => m.detected).length;
  const off = review.cells.length - agree - explained;
  return h('header', {class: 'top', id: 'verdict'},
    h('div', {class: 'verdict'}, h('span', {class: `badge ${allWell ? 'holds' : 'violated'}`}, allWell ? 'AS EXPECTED' : 'LOOK AGAIN'),
      h('div', {}, h('h1', {}, 'Security review of PCI passthrough to Xen PV guests'),
        h('p', {class: 'lead', style: 'margin:6px 0 0'}, `Attacker model \u201c${review.profile}\u201d \u00b7 `,
          review.kernels.map(k => `Linux ${k.version} (${k.package || 'own tree'}) \u00b7 `), 'real, unmodified kernel code on simulated hardware and hypervisor'))),
    review.incomplete ? h('p', {class: 'note bad'}, 'The review was interrupted: everything below is incomplete.') : null,
    headline(),
    h('div', {class: 'facts'},
      fact(grouped(review.cells.length), 'cells: attack, mode, kernel, ABI'), fact(grouped(agree), 'as the catalogue says'),
      fact(grouped(explained), 'differ, explained'), fact(grouped(off), 'differ, unexplained', off),
      fact(`${detected} of ${review.mutants.length}`, 'mutants detected', detected < review.mutants.length),
      fact(review.unmutated_clean ? 'clean' : 'not clean', 'unmutated code', !review.unmutated_clean),
      fact(`${review.seconds.toFixed(1)} s`, 'for all of it')));
}

function attackerSection() {
  const whole = text => h('span', {style: 'white-space:nowrap'}, text);
  const scope = on => h('span', {class: on ? 'no' : null, style: 'white-space:nowrap'}, on ? 'in scope' : 'out of scope');
  return h('section', {id: 'attackers'}, h('h2', {}, 'Attacker model'),
    lead('Who is trusted, and which harm counts. Without an IOMMU nothing here is security supported by Xen (SUPPORT.md): that is the point of column M0.'),
    table([{title: 'Attacker', of: a => h('b', {}, whole(a.who))}, {title: 'Trust', of: a => whole(a.trust)}, {title: 'Confidentiality', of: a => scope(a.confidentiality)},
      {title: 'Integrity', of: a => scope(a.integrity)}, {title: 'Availability', of: a => scope(a.availability)}, {title: '', of: a => a.note},
      {title: 'Attacks', of: a => review.stories.filter(story => story.attacker === a.who).map(story => story.id).join(', ')}], review.attackers));
}

let chosen = null;
const evidenceOf = cell => review.evidence.find(e => e.cell === review.cells.indexOf(cell))
  || review.evidence.find(e => { const c = review.cells[e.cell]; return c.scenario === cell.scenario && c.mode === cell.mode && c.verdict === cell.verdict; });

// Cells of one attack and mode that came to the same, as one button each.
function groupsOf(id, mode) {
  const groups = [];
  for (const cell of review.cells.filter(c => c.scenario === id && c.mode === mode)) {
    const same = groups.find(g => g[0].verdict === cell.verdict && g[0].class === cell.class && well(g[0]) === well(cell));
    if (same) same.push(cell);
    else groups.push([cell]);
  }
  return groups;
}
const whereOf = group => [...new Set(group.map(c => c.kernel))].join(', ') + (new Set(group.map(c => c.abi)).size > 1 ? ', 2L and FIFO' : group[0].abi === '2l' ? ', 2L' : '');

// Marks of an attack whose machine is not Xen as it is by default.
function weaker(id) {
  const lines = [...new Set(review.cells.filter(c => c.scenario === id).flatMap(c => c.lint))].filter(line => !BY_DEFAULT.has(lintName(line)));
  return lines.map(line => [' ', chip(lintName(line) === 'old hypervisor' ? 'skipped' : 'unable', lintName(line) === 'old hypervisor' ? 'flaw of the past' : lintName(line))]);
}

function matrixSection() {
  const cellButton = group => {
    const cell = group[0];
    const off = !cell.agrees;
    return h('button', {type: 'button', class: verdictClass(cell.verdict), 'aria-pressed': 'false', 'data-cell': review.cells.indexOf(cell),
      title: cell.reason, onclick: () => choose(cell, true)}, h('b', {}, verdictText(cell)), ' ', h('small', {}, cell.bytes ? bytes(cell.bytes) + ', ' : '', whereOf(group)),
    off ? h('small', {class: 'off'}, ` expected ${cell.expected}${cell.explanation ? ', explained' : ''}`) : null,
    cell.held ? null : h('small', {class: 'off'}, ' run not as expected'));
  };
  const body = table([{title: 'Attack', of: id => id},
    {title: '', of: id => h('div', {}, h('b', {}, review.cells.find(c => c.scenario === id).title), weaker(id), h('div', {class: 'story'}, storyOf(id)?.story || ''))},
    ...MODES.map(mode => ({title: `${mode} ${MODE_TEXT[mode]}`, of: id => groupsOf(id, mode).map(cellButton)}))], attacks);
  body.querySelector('table').classList.add('matrix');
  body.addEventListener('keydown', e => {
    const buttons = [...body.querySelectorAll('button')];
    const here = buttons.indexOf(document.activeElement);
    const cellAt = b => b.closest('td'), rowAt = b => b.closest('tr');
    if (here < 0 || !e.key.startsWith('Arrow')) return;
    const column = cellAt(buttons[here]).cellIndex;
    let to = null;
    if (e.key === 'ArrowRight') to = buttons[here + 1];
    if (e.key === 'ArrowLeft') to = buttons[here - 1];
    if (e.key === 'ArrowDown') to = buttons.slice(here + 1).find(b => cellAt(b).cellIndex === column && rowAt(b) !== rowAt(buttons[here]));
    if (e.key === 'ArrowUp') to = buttons.slice(0, here).reverse().find(b => cellAt(b).cellIndex === column && rowAt(b) !== rowAt(buttons[here]));
    if (!to) return;
    e.preventDefault();
    to.focus();
  });
  return h('section', {id: 'matrix'}, h('h2', {}, 'Attacks by mode'),
    lead('Each verdict is what the simulation recorded, compared with the committed catalogue afterwards. Choose a cell for its map, story and evidence; arrow keys move.'), body);
}

// Times are far apart and close together: marks at even distances, the time between them in words.
function timeline(f) {
  const steps = [...f.story].sort((a, b) => a.time_ps - b.time_ps);
  for (const [key, words] of [['mapped_by', 'mapped'], ['unmapped_by', 'unmapped']]) {
    if (f[key]) steps.push({time_ps: f[key].time_ps, actor: f.attacker?.domain || 'driver', text: words});
  }
  steps.sort((a, b) => a.time_ps - b.time_ps);
  if (steps.length < 2) return null;
  const width = 1100, y = 34, x = i => 12 + i * (width - 24) / (steps.length - 1);
  const anchor = i => i === 0 ? 'start' : i === steps.length - 1 ? 'end' : 'middle';
  return s('svg', {viewBox: `0 0 ${width} 86`, class: 'timeline', role: 'img', 'aria-label': steps.map(p => `${time(p.time_ps)} ${p.actor}: ${p.text}`).join('; ')},
    s('line', {x1: x(0), x2: x(steps.length - 1), y1: y, y2: y, class: 'wire'}),
    steps.map((p, i) => [
      s('circle', {cx: x(i), cy: y, r: i === steps.length - 1 ? 8 : 6, fill: paint(i < steps.length - 1 ? '--soft' : f.stopped_by ? '--good' : '--bad'), ...tipped(`${time(p.time_ps)}\n${p.actor}\n${p.text}`, true)}),
      s('text', {x: x(i), y: y + 24, 'text-anchor': anchor(i), class: 'small strong'}, cut(p.actor, 26)),
      s('text', {x: x(i), y: y + 40, 'text-anchor': anchor(i), class: 'small soft'}, cut(p.text, Math.floor(148 / steps.length))),
      i ? s('text', {x: (x(i - 1) + x(i)) / 2, y: y - 10, 'text-anchor': 'middle', class: 'small soft'}, '+' + shortTime(p.time_ps - steps[i - 1].time_ps)) : null]));
}

function otherModes(cell) {
  return h('div', {class: 'modes'}, MODES.map(mode => {
    const other = review.cells.find(c => c.scenario === cell.scenario && c.mode === mode && c.kernel === cell.kernel && c.abi === cell.abi);
    if (!other) return null;
    return h('div', {}, h('b', {}, `${mode} `), verdictChip(other), h('div', {}, other.reason || 'does not apply'));
  }));
}

function storySection(cell) {
  const story = storyOf(cell.scenario);
  return h('section', {id: 'story'}, h('h2', {}, `${cell.scenario} ${cell.title}, ${cell.mode}: ${MODE_TEXT[cell.mode]}`),
    lead(story ? story.story : ''), verdictChip(cell),
    facts([['decided by', cell.reason || 'does not apply here'], ['expected', cell.expected + (cell.expected_class ? ' ' + cell.expected_class : '')],
      cell.explanation ? ['explained', cell.explanation] : null, cell.problems.length ? ['not as expected', cell.problems.join('; ')] : null,
      story ? ['attacker', `${story.attacker}; at stake: ${story.victim}`] : null, story ? ['criterion', story.observable] : null,
      story ? ['references', story.references.map(id => h('div', {}, citation(id)))] : null, ['cell', `Linux ${cell.kernel}, ${cell.abi === '2l' ? '2-level' : 'FIFO'} event channels, ${cell.seconds.toFixed(3)} s`]]),
    h('h4', {}, 'The same attack in the other modes'), otherModes(cell),
    cell.lint.length ? [h('h4', {}, 'What this configuration leaves open'), h('ul', {style: 'padding-left:20px'}, cell.lint.map(line => h('li', {}, line)))] : null,
    cell.observations.length ? table([{title: 'Observation', of: o => h('code', {}, o.text)}, {title: 'Seen', of: o => h('code', {}, o.actual)}, {title: '', of: o => o.held ? 'so' : 'not so'},
      {title: 'Why it counts', of: o => o.reason || ''}], cell.observations) : null,
    h('h4', {}, 'Reproduce'), h('pre', {}, cell.reproduce));
}

function evidenceSection(cell) {
  const findings = cell.findings.slice(0, 12);
  return h('section', {id: 'findings'}, h('h2', {}, 'Findings'),
    lead(cell.embargo ? 'Withheld: it may show a flaw of shipped code that its maintainers should hear of first.'
      : cell.findings_total ? `${plural(cell.findings_total, 'finding')}${cell.findings_total > findings.length ? `, the first ${findings.length} here, all in review.json` : ''}.` : 'No access left its place.'),
    findings.map(f => {
      const card = findingCard(f);
      const line = timeline(f);
      if (line) card.querySelector('h3').after(line);
      card.querySelector('details.evidence').before(facts([['guard', f.guard], ['Xen security support', f.support], f.refs.length ? ['known from', f.refs.join('; ')] : null,
        f.cwe.length ? ['weakness', f.cwe.map(id => h('div', {}, citation(id)))] : null, ['fingerprint', h('code', {}, f.fingerprint)]]));
      return card;
    }));
}

const details = h('div', {id: 'cell'});
function choose(cell, scroll) {
  chosen = cell;
  for (const b of document.querySelectorAll('[data-cell]')) b.setAttribute('aria-pressed', String(review.cells[b.dataset.cell] === cell));
  const evidence = evidenceOf(cell);
  if (evidence) show({...evidence.result, findings: cell.findings});
  details.replaceChildren(...[storySection(cell), evidence && !cell.embargo ? attackMap() : null, evidenceSection(cell),
    evidence ? stoppedSection() : null, evidence ? faultsSection() : null, evidence ? memorySection() : null,
    evidence && result.view.consoles.length && !cell.embargo ? h('section', {id: 'consoles'}, h('h2', {}, 'Consoles'), result.view.consoles.map(c => h('details', {}, h('summary', {}, c.domain), h('pre', {}, c.text)))) : null].filter(Boolean));
  if (!scroll) return;
  const heading = document.querySelector('#story h2');
  heading.tabIndex = -1;
  heading.focus({preventScroll: true});
  document.getElementById('story').scrollIntoView();
}

function disagreementsSection() {
  const off = review.cells.filter(c => !c.agrees || !c.held);
  if (!off.length) return null;
  return h('section', {id: 'differences'}, h('h2', {}, 'Cells that differ'), lead('Neither the catalogue nor the scenario is bent: what differs is explained with its source, or stands here unexplained.'),
    table([{title: 'Cell', of: c => `${c.scenario} ${c.mode} ${c.kernel} ${c.abi}`}, {title: 'Seen', of: verdictChip}, {title: 'Expected', of: c => c.expected},
      {title: 'Explanation', of: c => [c.explanation || '', c.held ? null : h('div', {class: 'no', style: 'white-space:normal'}, c.problems.join('; '))]}], off, c => well(c) ? null : 'bad'));
}

function mutantsSection() {
  if (!review.mutants.length) return null;
  return h('section', {id: 'mutants'}, h('h2', {}, 'Would it notice?'),
    lead('Security fixes taken back in copies of the kernels, one at a time. Each must be told from the unmutated code by an attack; none of this is in any other result.'),
    table([{title: 'Fix taken back', of: m => h('b', {}, m.id)}, {title: 'File', of: m => h('code', {}, m.file)}, {title: 'Function', of: m => h('code', {}, m.function)},
      {title: 'What, and what was seen', of: m => [m.reverts, h('details', {style: 'margin:2px 0 0'}, h('summary', {style: 'font-weight:400;padding:0'}, plural(m.seen.length, 'difference')),
        m.seen.concat(m.problems).map(line => h('div', {class: 'mono', style: 'font-size:12px'}, line)))]}, {title: '', of: m => h('span', {class: m.detected ? 'yes' : 'no'}, m.detected ? '\u2714 detected' : '\u2716 survived')},
      {title: 'By', of: m => m.by.map(name => h('div', {style: 'white-space:nowrap'}, name))}],
    review.mutants, m => m.detected ? null : 'bad'));
}

// One row for each place in the code on each kernel, whatever the cells it was seen in.
function exposureSection() {
  const rows = new Map();
  for (const cell of review.cells) {
    for (const exposure of cell.sub_page) {
      const by = exposure.mapped_by;
      const key = [cell.kernel, by ? by.function + by.file + by.line : '', exposure.bytes, exposure.neighbours.map(n => `${n.kind} ${n.cache} ${n.bytes} ${n.allocated_by?.function}`).sort().join(';')].join('|');
      const row = rows.get(key) || {exposure, kernel: cell.kernel, cells: new Set()};
      row.cells.add(`${cell.scenario} ${cell.mode}`);
      rows.set(key, row);
    }
  }
  if (!rows.size) return null;
  const all = [...rows.values()].map(r => ({exposure: r.exposure, where: `Linux ${r.kernel}: ${[...r.cells].join(', ')}`}));
  const withCode = all.filter(r => r.exposure.neighbours.some(n => n.code_pointer)).length;
  return h('section', {id: 'exposure'}, h('h2', {}, 'Sub-page exposure'), lead(EXPOSURE_LEAD),
    h('p', {}, `${plural(all.length, 'place')} in the code ${all.length === 1 ? 'maps' : 'map'} a page that is not all theirs; beside ${withCode} of them lies a pointer to code.`),
    exposureTable(all.slice(0, 60)), all.length > 60 ? h('p', {class: 'lead'}, `${all.length - 60} more in review.json`) : null);
}

function coverageSection() {
  const files = Object.entries(review.originals).sort((a, b) => /xen/.test(b[0]) - /xen/.test(a[0]) || b[1] - a[1]);
  const missing = review.stories.filter(story => !story.name);
  return h('section', {id: 'coverage'}, h('h2', {}, 'Coverage and limits'),
    lead(`${attacks.length} attacks, ${grouped(review.cells.length)} cells, ${files.length} original kernel files ran in them, byte for byte as their package ships them. Line by line: ./pvpci coverage.`),
    missing.length ? h('p', {class: 'note'}, 'Of the catalogue, not built: ' + missing.map(story => `${story.id} ${story.title}`).join(', ')) : null,
    h('ul', {style: 'margin:0 0 12px;padding-left:20px'}, review.limits.map(l => h('li', {}, l)),
      h('li', {}, 'A verdict is about the modelled machine: the IOMMU is its specification, not silicon, and device identity is no proof of trust'),
      h('li', {}, 'Denial of service by the host or the toolstack is out of scope')),
    h('details', {}, h('summary', {}, `Originals that ran (${files.length})`), table([{title: 'File', of: f => h('code', {}, f[0])}, {title: 'Most blocks in one cell', number: true, of: f => grouped(f[1])}], files)),
    h('h3', {}, 'Reproduce'), h('pre', {}, review.command));
}

function reviewPage() {
  const sections = [verdictSection(), remainsSection(), attackerSection(), matrixSection(), disagreementsSection(), windowsSection(review.windows), exposureSection(), mutantsSection(), coverageSection()].filter(Boolean);
  const links = sections.slice(1).map(section => h('a', {href: '#' + section.id}, section.querySelector('h2').textContent));
  const matrix = sections.findIndex(section => section.id === 'matrix');
  document.getElementById('page').append(
    h('nav', {'aria-label': 'Sections'}, h('div', {class: 'wide'}, h('a', {href: '#verdict'}, h('b', {}, 'Security review')), links.slice(0, matrix), h('a', {href: '#cell'}, 'The chosen cell'), links.slice(matrix))),
    h('main', {class: 'wide'}, sections.slice(0, matrix + 1), details, sections.slice(matrix + 1),
      h('footer', {}, `pvpci, review schema ${review.schema}. This page contains everything it shows and loads nothing.`)), tip);
  addEventListener('beforeprint', () => { for (const d of document.querySelectorAll('details')) d.open = true; });
  const first = review.cells.find(c => c.verdict === 'ESCAPED' && !c.embargo) || review.cells[0];
  if (first) choose(first, false);
}
reviewPage();
