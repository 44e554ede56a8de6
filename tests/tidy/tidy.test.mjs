// Properties of the tree itself: who includes whom, sizes, leftovers, and what must be where.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { files, host_folders, read, topLevel, uses } from './tree.mjs';

const LINES_MAX = 450;
const sources = files.filter(({ name }) => /\.(cpp|hpp|h|c|mjs|sh)$/.test(name) || name === 'dev');
const none = (found, what) => assert.deepEqual(found, [], `${what}:\n  ${found.join('\n  ')}`);

test('the top level is exactly what the README says', () => {
  assert.deepEqual(topLevel.sort(), [
    '.ci', '.clang-format', '.clang-tidy', '.editorconfig', '.gitignore', 'CHANGELOG.md', 'CMakeLists.txt',
    'CMakePresets.json', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'config', 'dev', 'host', 'plugin-api',
    'plugins', 'sdk-docs', 'tests',
  ].sort());
});

test('each folder of host/ uses only folders below it', () => {
  const { order, table } = uses();
  const wrong = [];
  for (const [folder, used] of table) {
    for (const other of used) {
      if (order.indexOf(other) >= order.indexOf(folder)) wrong.push(`${folder} uses ${other}, which is not below it`);
    }
  }
  none(wrong, 'upward uses');
});

test('each #include in host/ is allowed by the USES of its folder', () => {
  const { table } = uses();
  const reachable = (folder, seen = new Set()) => {
    for (const used of table.get(folder) ?? []) {
      if (!seen.has(used)) {
        seen.add(used);
        reachable(used, seen);
      }
    }
    return seen;
  };
  const wrong = [];
  for (const { name, text } of files) {
    const folder = /^host\/(\w+)\/.*\.(cpp|hpp)$/.exec(name)?.[1];
    if (!folder) continue;
    const allowed = reachable(folder).add(folder);
    for (const [, included] of text.matchAll(/^#include "host\/(\w+)\//gm)) {
      if (!allowed.has(included)) wrong.push(`${name} includes host/${included}/`);
    }
    for (const [, included] of text.matchAll(/^#include "([^"]+)"/gm)) {
      if (!/^(host|tomada)\//.test(included)) wrong.push(`${name} includes "${included}" by a short path`);
    }
  }
  none(wrong, 'includes that the table of uses does not allow');
});

test('a library is included only in the folders that wrap it', () => {
  // libcurl in cli/ as well: the commands speak HTTP over the control socket, outside of any loop.
  const homes = [
    [/<curl\//, ['http', 'cli']], [/<sqlite3\.h>/, ['store']], [/<boost\/beast/, ['serve']], [/<CLI\//, ['cli']],
    [/<toml\+\+/, ['settings']], [/<boost\/dll/, ['abi', 'plugin']], [/<rapidjson\//, ['abi']], [/<simdjson/, ['abi', 'scheme']], [/<(libelf|gelf)\.h>/, ['abi']],
  ];
  const wrong = [];
  for (const { name, text } of files) {
    const folder = /^host\/(\w+)\//.exec(name)?.[1];
    if (!folder) continue;
    for (const [library, allowed] of homes) {
      if (!allowed.includes(folder) && text.split('\n').some((line) => line.startsWith('#include') && library.test(line))) {
        wrong.push(`${name}: ${library.source}`);
      }
    }
  }
  none(wrong, 'libraries outside their folder');
});

test('headers have #pragma once, sources include their own header first', () => {
  const wrong = [];
  for (const { name, text } of files) {
    if (!name.startsWith('host/')) continue;
    if (name.endsWith('.hpp') && !/^#pragma once$/m.test(text)) wrong.push(`${name}: no #pragma once`);
    const own = name.replace(/\.cpp$/, '.hpp');
    if (name.endsWith('.cpp') && read(own) !== undefined && /^#include .*$/m.exec(text)?.[0] !== `#include "${own}"`) {
      wrong.push(`${name}: its own header is not the first include`);
    }
  }
  none(wrong, 'headers and includes');
});

test('no source is forgotten by the build', () => {
  const wrong = [];
  for (const { name } of files) {
    const folder = /^host\/(\w+)\/(.*\.cpp)$/.exec(name);
    if (folder && !read(`host/${folder[1]}/CMakeLists.txt`)?.includes(folder[2])) wrong.push(name);
    const unit = /^tests\/unit\/(\w+)\/(.*\.cpp)$/.exec(name);
    if (unit && !read(`tests/unit/${unit[1]}/CMakeLists.txt`)?.includes(unit[2])) wrong.push(name);
    const story = /^tests\/scenario\/(\w+)\.test\.mjs$/.exec(name);
    if (story && !new RegExp(`\\b${story[1]}\\b`).test(read('tests/scenario/CMakeLists.txt'))) wrong.push(name);
  }
  none(wrong, 'files that nothing builds or runs');
});

test(`no source has more than ${LINES_MAX} lines`, () => {
  // The plugin interface is one header by design.
  const long = sources.filter(({ name, lines }) => lines > (name.endsWith('tomada/plugin.h') ? 1000 : LINES_MAX));
  none(long.map(({ name, lines }) => `${name}: ${lines}`), 'a second subject may have moved in');
});

test('no leftover markers, no paths of one machine, no debugging leftovers', () => {
  // Joined here, so that this file does not contain them.
  const markers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
  const machine = new RegExp(`(^|[^\\w.])/(${['work', 'farm', 'root', 'home/\\w+'].join('|')})/`);
  const wrong = [];
  for (const { name, text } of files) {
    if (/package-lock\.json$/.test(name)) continue;
    text.split('\n').forEach((line, index) => {
      if (markers.test(line) || machine.test(line)) wrong.push(`${name}:${index + 1}: ${line.trim().slice(0, 100)}`);
    });
  }
  none(wrong, 'leftovers');
});

test('text is plain: no tabs, no carriage returns, no spaces at line ends, one newline at the end', () => {
  const wrong = [];
  for (const { name, text } of files) {
    if (!/\.(cpp|hpp|h|c|mjs|md|txt|toml|cmake|json|sh)$/.test(name) && name !== 'dev') continue;
    if (/package-lock\.json$/.test(name) || /\/(fixtures|corpus)\//.test(name)) continue;
    if (/[\t\r]/.test(text)) wrong.push(`${name}: a tab or carriage return`);
    if (/[ ]$/m.test(text)) wrong.push(`${name}: spaces at a line's end`);
    if (text.length > 0 && !/[^\n]\n$/.test(text)) wrong.push(`${name}: its end is not one newline`);
  }
  none(wrong, 'whitespace');
});

test('each folder of host/ and each plugin says on one page what it is', () => {
  const wrong = [];
  for (const folder of host_folders) {
    if (folder !== 'decisions' && read(`host/${folder}/README.md`) === undefined) wrong.push(`host/${folder}/README.md`);
  }
  for (const { name } of files) {
    const plugin = /^plugins\/([\w-]+)\/CMakeLists\.txt$/.exec(name)?.[1];
    if (plugin && read(`plugins/${plugin}/README.md`) === undefined) wrong.push(`plugins/${plugin}/README.md`);
  }
  none(wrong, 'missing pages');
});

test('each link between pages leads to a file', () => {
  const names = new Set(files.map(({ name }) => name));
  const isThere = (target) => names.has(target) || [...names].some((name) => name.startsWith(`${target}/`));
  const wrong = [];
  for (const { name, text } of files.filter((file) => file.name.endsWith('.md'))) {
    for (const [, target] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!isThere(path.posix.join(path.posix.dirname(name), target).replace(/\/$/, ''))) wrong.push(`${name}: ${target}`);
    }
  }
  none(wrong, 'dead links');
});

test('each setting is explained in config/tomada.toml', () => {
  const keys = [...read('host/settings/keys.cpp').matchAll(/Key\{"([\w.]+)"/g)].map(([, key]) => key);
  assert.ok(keys.length > 5);
  const explained = new Set();
  let section = '';
  for (const line of read('config/tomada.toml').split('\n')) {
    section = /^#? ?\[([\w.]+)\]/.exec(line)?.[1] ?? section;
    const key = /^#? ?([a-z_0-9]+) *=/.exec(line)?.[1];
    if (key) explained.add(section ? `${section}.${key}` : key);
  }
  none(keys.filter((key) => !explained.has(key)), 'settings without an explanation');
  none([...explained].filter((key) => !keys.includes(key)), 'explanations without a setting');
});

test('the templates of plugins agree with each other and with the header', () => {
  const template = (name) => read(`plugin-api/templates/${name}`);
  const manifest = (language) => ({ ...JSON.parse(template(`${language}/manifest.json`)), language: '', call_model: '' });
  for (const language of ['c', 'rust', 'go']) {
    assert.equal(template(`${language}/recordings/item.full.json`), template('cpp/recordings/item.full.json'), language);
    assert.deepEqual(manifest(language), manifest('cpp'), language);
  }
  assert.equal(template('go/plugin.map'), read('plugin-api/cmake/plugin.map'));

  // layout! in Rust, whose own test compares these numbers with its structs.
  const numbers = new Set();
  for (const [, type, size, fields] of template('rust/src/tomada.rs').matchAll(/^ {8}(\w+) (\d+) \{ (.*) \}$/gm)) {
    const name = `tomada_${type.replace(/(?<=.)[A-Z]/g, '_$&').toLowerCase()}`;
    numbers.add(`sizeof(${name}) == ${size}`);
    for (const field of fields.split(', ')) numbers.add(`offsetof(${name}, ${field.replace(' ', ') == ')}`);
  }
  const wanted = [...read('tests/abi/layout_test.cpp').matchAll(/static_assert\(((?:size|offset)of\(tomada_\w+.*)\);/g)].map(([, number]) => number);
  assert.ok(wanted.length > 100);
  assert.deepEqual([...numbers].sort(), wanted.sort());
});

test('the lock pins versions and names no download addresses', () => {
  const lock = JSON.parse(read('tests/package-lock.json'));
  const wanted = JSON.parse(read('tests/package.json')).dependencies;
  none(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)).map(String), 'not pinned');
  none(Object.entries(lock.packages).filter(([, entry]) => entry.resolved).map(([name]) => name), 'addresses');
});
