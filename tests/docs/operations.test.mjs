// The operator's pages say what the host has: every setting, every metric, commands that exist; and the Portuguese pages are the
// English ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { files, read } from '../tidy/tree.mjs';

const folder = 'sdk-docs/operations';
// Pages of one subject. A page that is not here fails below.
const pairs = {
  'backup.md': 'backup.md', 'configure.md': 'configurar.md', 'install.md': 'instalar.md', 'keys.md': 'chaves.md', 'metrics.md': 'metricas.md',
  'limits.md': 'limites.md', 'plugins.md': 'plugins.md', 'store.md': 'armazenamento.md', 'tenants.md': 'tenants.md', 'trouble.md': 'problemas.md', 'webhooks.md': 'webhooks.md',
};
const none = (found, what) => assert.deepEqual(found, [], `${what}:\n  ${found.join('\n  ')}`);
const page = (name) => read(`${folder}/${name}`);
const both = (name) => [page(name), page(`pt/${pairs[name]}`)];
const there = Object.keys(pairs).filter((name) => page(name) !== undefined);

const headings = (text) => [...text.replace(/```[\s\S]*?```/g, '').matchAll(/^(#+) /gm)].map(([, level]) => level);
const fences = (text) => [...text.matchAll(/```[\s\S]*?```/g)].map(([block]) => block);
const spans = (text) => [...new Set([...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map(([, code]) => code))].sort();
const tables = (text) => [...text.matchAll(/^\|.*\|$/gm)].length;
// First cells of a page's tables that hold one word of code.
const rows = (text) => new Map([...text.matchAll(/^\| `([\w.]+)` \| (.*) \|$/gm)].map(([, name, rest]) => [name, rest.split(' | ')]));

test('each page has its Portuguese one, with the same headings, commands, code words and table rows', () => {
  const known = new Set(Object.entries(pairs).flatMap(([en, pt]) => [`${folder}/${en}`, `${folder}/pt/${pt}`]));
  const wrong = files.filter(({ name }) => name.startsWith(folder) && !known.has(name)).map(({ name }) => `${name}: not in this test's list`);
  for (const name of Object.keys(pairs)) {
    const [english, portuguese] = both(name);
    if (english === undefined && portuguese === undefined) continue;  // not written yet
    if (english === undefined || portuguese === undefined) {
      wrong.push(`${name}: ${english === undefined ? 'no English page' : 'no Portuguese page'}`);
      continue;
    }
    const alike = { headings, commands: fences, ...(name === 'install.md' ? {} : { 'code words': spans, 'table rows': tables }) };
    for (const [what, of] of Object.entries(alike)) {
      if (JSON.stringify(of(english)) === JSON.stringify(of(portuguese))) continue;
      const [left, right] = [of(english), of(portuguese)].map((found) => (Array.isArray(found) ? found : [String(found)]));
      wrong.push(`${name}: ${what}: ${JSON.stringify(left.filter((one) => !right.includes(one)))} and not ${JSON.stringify(right.filter((one) => !left.includes(one)))}`);
    }
  }
  none(wrong, 'pages that differ');
});

// name -> [least, most] of each setting that is a number, as keys.cpp has them.
function ranges() {
  const text = read('host/settings/keys.cpp').replace(/std::int64_t\{(\d+)\}/g, '$1').replaceAll('k_minute_ms', '60000').replaceAll('k_mebibyte', '1048576')
    .replace(/(?<=\d)'(?=\d)/g, '');
  const product = (words) => words.split('*').reduce((all, word) => all * Number(word), 1);
  return new Map([...text.matchAll(/Key\{"([\w.]+)", Key::Number\(TOMADA_FIELD\([\w.]+\)\), *([\d *]+),\s*([\d *]+)\}/g)]
    .map(([, name, least, most]) => [name, `${product(least)} – ${product(most)}`]));
}

test('every setting is on the configuration page, with its default and its range', () => {
  const defaults = new Map();
  let section = '';
  for (const line of read('config/tomada.toml').split('\n')) {
    section = /^#? ?\[([\w.]+)\]/.exec(line)?.[1] ?? section;
    const key = /^#? ?([a-z_0-9]+) *= *(.*)$/.exec(line);
    if (key) defaults.set(section ? `${section}.${key[1]}` : key[1], key[2]);
  }
  const bounds = ranges();
  assert.ok(defaults.size > 30 && bounds.size > 20);
  for (const text of both('configure.md')) {
    const found = rows(text);
    assert.deepEqual([...found.keys()].sort(), [...defaults.keys()].sort());
    const wrong = [];
    for (const [name, [value, range]] of found) {
      if (value !== `\`${defaults.get(name)}\``) wrong.push(`${name}: ${value}, the default is ${defaults.get(name)}`);
      if (bounds.has(name) && range !== bounds.get(name)) wrong.push(`${name}: ${range}, the range is ${bounds.get(name)}`);
    }
    none(wrong, 'settings');
  }
});

test('every metric is on the page of metrics, and no other', () => {
  const known = [...read('host/runtime/metrics.cpp').matchAll(/\b(?:counter|gauge|histogram)\("(\w+)",/g)].map(([, name]) => name).sort();
  assert.ok(known.length > 20);
  for (const text of both('metrics.md')) assert.deepEqual([...rows(text).keys()].sort(), known);
});

// The words of the command line, as cli.cpp adds them: "plugin list" …, and every option.
function command_line() {
  const text = read('host/cli/cli.cpp');
  const groups = new Map();
  const commands = new Set();
  for (const [, variable, parent, name, rest] of text.matchAll(/(?:CLI::App\* (\w+) = )?\b(\w+)[.>-]+add_subcommand\("(\w+)"(.*)/g)) {
    const path = parent === 'app' ? name : `${groups.get(parent)} ${name}`;
    if (variable) groups.set(variable, path);
    if (!rest.includes('require_subcommand')) commands.add(path);
  }
  for (const [, parent, name] of text.matchAll(/\badd\w*\(\*(\w+), "(\w+)"/g)) commands.add(`${groups.get(parent)} ${name}`);
  const options = new Set([...text.matchAll(/"(?:\w+,)?(--[a-z-]+)"/g)].map(([, option]) => option));
  return { commands, options };
}

// Commands stand in blocks of their own or, on the authors' pages, in lines that are indented.
const indented = (text) => text.split('\n').filter((line) => line.startsWith('    '));

test('each tomada command in a page exists, with its options', () => {
  const { commands, options } = command_line();
  assert.ok(commands.has('serve') && commands.has('plugin rollback') && options.has('--wait'), 'cli.cpp is read otherwise');
  const wrong = [];
  const authors = files.filter(({ name }) => /^sdk-docs\/(start|guides\/\w+)\.md$/.test(name)).map(({ name, text }) => [name, indented(text)]);
  for (const [name, lines] of [...there.map((one) => [one, fences(page(one)).flatMap((block) => block.split('\n'))]), ...authors]) {
    for (const line of lines) {
      const words = /(?:^ *|\$\(|\| )tomada ([a-z]+(?: [a-z]+)?)(.*)/.exec(line);
      if (!words) continue;
      const [command] = [words[1], words[1].split(' ')[0]].filter((one) => commands.has(one));
      if (!command) wrong.push(`${name}: tomada ${words[1]}`);
      for (const [option] of words[2].replace(/'[^']*'/g, '').matchAll(/--[a-z-]+/g)) if (!options.has(option)) wrong.push(`${name}: ${command} ${option}`);
    }
  }
  none(wrong, 'commands');
});
