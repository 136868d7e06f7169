// SPDX-License-Identifier: Apache-2.0
// The page: verdict first, then evidence, then what the run was made of.
'use strict';

function header() {
  const escaped = Object.entries(result.dma).filter(([c, t]) => !HONEST.has(c) && t.accesses);
  const leaked = result.findings.reduce((sum, f) => sum + f.leaked_bytes_proven, 0);
  const count = key => result.interrupts.reduce((sum, i) => sum + i[key], 0);
  const held = result.expectations.filter(e => e.held).length;
  const fact = (value, words, alarm) => h('div', {class: 'fact' + (alarm ? ' alarm' : '')}, h('b', {}, value), h('span', {}, words));
  const dma = Object.values(result.dma).reduce((sum, t) => sum + t.bytes, 0);
  return h('header', {class: 'top', id: 'verdict'},
    h('div', {class: 'verdict'}, h('span', {class: `badge ${result.verdict}`}, result.verdict.toUpperCase()),
      h('div', {}, h('h1', {}, result.claim),
        h('p', {class: 'lead', style: 'margin:6px 0 0'}, h('b', {class: 'mono'}, result.scenario), ` \u00b7 ${result.mode}, ${MODE_TEXT[result.mode]} \u00b7 seed ${result.seed}`,
          result.kernels.map(k => ` \u00b7 Linux ${k.version} (${k.package || 'own tree'}${k.modified === null ? '' : k.modified ? ', modified' + (k.headers_differ.length ? ', headers: ' + k.headers_differ.slice(0, 8).join(', ') : '') : ', unmodified'})`)))),
    result.verdict_reason ? h('p', {class: 'note'}, result.verdict_reason) : null,
    result.incomplete ? h('p', {class: 'note bad'}, 'The run was interrupted: everything below is incomplete.') : null,
    result.view.policy ? h('p', {class: 'note'}, 'Policy: ' + result.view.policy) : null,
    result.view.warnings.map(w => h('p', {class: 'note'}, w)),
    h('div', {class: 'facts'},
      fact(`${held} of ${result.expectations.length}`, 'expectations held', held < result.expectations.length),
      fact(escaped.length ? escaped.map(([c]) => c).join(' ') : 'none', 'DMA escapes', escaped.length),
      leaked ? fact(bytes(leaked), 'proven to have leaked', true) : null,
      fact(bytes(dma), 'moved by DMA'),
      result.faults.length ? fact(grouped(result.faults.length), 'refused by the IOMMU') : null,
      result.interrupts.length ? fact(grouped(count('delivered')), 'interrupts delivered') : null,
      result.interrupts.length ? fact(grouped(count('lost') + count('duplicated')), 'lost or doubled', count('lost') + count('duplicated')) : null,
      fact(shortTime(result.simulated_ps), 'simulated')));
}

// What is violated is always in view; a long list of what held folds away.
function expectationsSection() {
  const rows = expectations => table([
    {title: '', of: e => h('span', {class: e.held ? 'yes' : 'no'}, e.held ? '\u2714 held' : '\u2718 violated')},
    {title: 'Expected', of: e => [h('code', {}, e.text), e.reason ? h('div', {class: 'lead', style: 'margin:0'}, e.reason) : null]},
    {title: 'Actual', of: e => h('code', {}, e.actual)},
  ], expectations, e => e.held ? null : 'bad');
  const section = (...content) => h('section', {id: 'expectations'}, h('h2', {}, 'Expectations'), ...content);
  const held = result.expectations.filter(e => e.held), violated = result.expectations.filter(e => !e.held);
  if (held.length <= 20) return section(rows(result.expectations));
  const fold = h('details', {}, h('summary', {}, `${held.length} held`), rows(held));
  return violated.length ? section(rows(violated), fold) : section(fold);
}

function programsSection() {
  if (!result.programs.length && !result.view.consoles.length) return null;
  const command = p => p.argv.join(' ');
  return h('section', {id: 'programs'}, h('h2', {}, 'Programs and consoles'),
    result.programs.length ? table([
      {title: 'Domain', of: p => p.domain}, {title: 'Command', of: p => h('code', {}, command(p))},
      {title: 'Exit', number: true, of: p => p.exit === null ? h('span', {class: 'no'}, 'never') : h('span', {class: p.exit ? 'no' : 'yes'}, String(p.exit))},
      {title: 'Standard output', of: p => h('code', {style: 'white-space:pre-wrap'}, p.stdout.trimEnd())},
    ], result.programs) : null,
    result.view.consoles.map(c => h('details', {}, h('summary', {}, `Console of ${c.domain}, end`, c.file ? ` (${c.file})` : ''), h('pre', {}, c.text))));
}

// The files of the passthrough path itself.
const ownPath = o => /xen/.test(o.path);

function compositionSection() {
  const originals = [...result.originals].sort((a, b) => ownPath(b) - ownPath(a) || b.lines_covered - a.lines_covered);
  const ran = originals.filter(o => o.blocks_run).length;
  const sum = key => originals.reduce((n, o) => n + o[key], 0);
  const share = o => Math.floor(1000 * o.lines_covered / Math.max(1, o.lines_coverable)) / 10;
  const bar = o => o.lines_coverable ? h('div', {class: 'cover', title: `${share(o)} % of the lines with code ran`}, h('i', {style: `width:${share(o)}%`})) : null;
  const idle = o => o.functions_idle.length ? h('details', {style: 'margin:0'}, h('summary', {style: 'font-weight:400;padding:0'}, grouped(o.functions_idle.length)),
    h('code', {}, o.functions_idle.join(', '))) : '0';
  const digest = d => h('code', {title: d}, d.slice(0, 16) + '\u2026');
  const dummies = result.emulated.filter(e => e.kind === 'dummy').length;
  return h('section', {id: 'made'}, h('h2', {}, 'What ran'),
    lead(`${ran} of ${plural(originals.length, 'original kernel file')} ran, ${grouped(sum('blocks_run'))} distinct basic blocks, ${grouped(sum('lines_covered'))} of `
      + `${grouped(sum('lines_coverable'))} lines with code. Digests are those of the files as the package, or your own tree, has them; what was applied to them is listed below. `
      + `All scenarios together, line by line: ./pvpci coverage.`),
    h('details', {open: originals.length <= 30}, h('summary', {}, `Originals (${originals.length}), those of Xen first`), table([
      {title: 'File', of: o => h('code', {}, o.path)}, {title: 'Kernel', of: o => o.kernel}, {title: 'SHA-256', of: o => h('span', {}, digest(o.sha256), o.package_sha256 && o.package_sha256 !== o.sha256 ? ' modified' : '')},
      {title: 'Blocks run', number: true, of: o => grouped(o.blocks_run)},
      {title: 'Lines run', number: true, of: o => o.lines_coverable ? `${grouped(o.lines_covered)} of ${grouped(o.lines_coverable)}` : ''},
      {title: '', of: bar}, {title: 'Functions that did not run', of: idle},
    ], originals)),
    h('details', {open: true}, h('summary', {}, `Applied to originals (${result.changes.length})`), table([
      {title: 'Kind', of: c => c.kind}, {title: 'Name', of: c => h('code', {}, c.name)}, {title: 'Why', of: c => c.why}, {title: 'SHA-256', of: c => digest(c.sha256)}], result.changes)),
    h('details', {}, h('summary', {}, `Emulated functions called (${result.emulated.length - dummies}) and dummies (${dummies})`), table([
      {title: 'Function', of: e => h('code', {}, e.function)}, {title: 'Kind', of: e => e.kind}, {title: 'Calls', number: true, of: e => grouped(e.calls)}],
    [...result.emulated].sort((a, b) => b.calls - a.calls))),
    h('details', {}, h('summary', {}, `Hypercalls (${result.hypercalls.length})`), table([
      {title: 'Domain', of: c => c.domain}, {title: 'Hypercall', of: c => h('code', {}, c.name)}, {title: 'Calls', number: true, of: c => grouped(c.calls)},
      {title: 'Failed', number: true, of: c => h('span', {class: c.failed ? 'no' : null}, grouped(c.failed))}],
    [...result.hypercalls].sort((a, b) => b.calls - a.calls))));
}

function limitsSection() {
  const settings = Object.entries(result.view.settings);
  return h('section', {id: 'limits'}, h('h2', {}, 'Limits and assumptions'),
    result.view.limits.length ? h('ul', {style: 'margin:0 0 12px;padding-left:20px'}, result.view.limits.map(l => h('li', {}, l))) : null,
    result.view.assumptions.length ? table([{title: 'Assumption', of: a => h('code', {}, a.name)}, {title: 'Value', of: a => a.value}, {title: 'Origin', of: a => a.origin}], result.view.assumptions) : null,
    h('h3', {}, 'Reproduce'), h('pre', {}, result.reproduce),
    h('p', {class: 'lead', style: 'margin-top:8px'}, settings.length ? settings.map(([k, v]) => `${k}=${v}`).join(', ') + ' \u00b7 ' : '',
      'trace digest ', h('code', {}, result.trace_digest || 'none'), ' \u00b7 the same command gives the same digest'));
}

function page() {
  const sections = [header(), expectationsSection(), stoppedSection(), machineSection(), findingsSection(), faultsSection(), memorySection(), subPageSection(),
    latencySection(), intervalsSection(), programsSection(), compositionSection(), limitsSection()].filter(Boolean);
  const links = sections.slice(1).map(section => h('a', {href: '#' + section.id}, section.querySelector('h2').textContent.split(' and ')[0]));
  document.getElementById('page').append(
    h('nav', {'aria-label': 'Sections'}, h('div', {class: 'wide'}, h('a', {href: '#verdict'}, h('b', {}, result.scenario), chip(result.verdict, result.verdict)), links)),
    h('main', {class: 'wide'}, sections, h('footer', {}, `pvpci, result schema ${result.schema}. This page contains everything it shows and loads nothing.`)), tip);
  // Print everything.
  addEventListener('beforeprint', () => { for (const d of document.querySelectorAll('details')) d.open = true; });
  if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
}
show(JSON.parse(document.getElementById('result').textContent));
page();
