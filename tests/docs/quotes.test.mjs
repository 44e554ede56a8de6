// Code in sdk-docs/ is quoted from files that are built: above a block stands <!-- from FILE --> or <!-- from FILE:TAG -->, where
// the tag is a region between two lines "// [TAG]". The block's lines stand there one after the other; a line "…" skips some.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { files, read } from '../tidy/tree.mjs';

const MARK = /^<!-- from ([^:\s]+)(?::(\w+))? -->$/;
const pages = files.filter(({ name }) => /^(sdk-docs|plugin-api)\/.*\.md$/.test(name) || name === 'README.md');
const none = (found, what) => assert.deepEqual(found, [], `${what}:\n  ${found.join('\n  ')}`);
const indent_of = (line) => /^ */.exec(line)[0].length;

// [{ page, line, language, mark, code }] of one page; `mark` is the line above.
function blocks_of({ name, text }) {
  const lines = text.split('\n');
  const blocks = [];
  for (let at = 0; at < lines.length; ++at) {
    const fence = /^(```+)(\w*)$/.exec(lines[at]);
    if (!fence) continue;
    const end = lines.indexOf(fence[1], at + 1);
    blocks.push({ where: `${name}:${at + 1}`, language: fence[2], mark: lines[at - 1] ?? '', code: lines.slice(at + 1, end) });
    at = end;
  }
  return blocks;
}

// Tabs, which gofmt makes, are four spaces on a page.
function region(text, tag) {
  const lines = text.replace(/^\t+/gm, (tabs) => '    '.repeat(tabs.length)).split('\n');
  if (!tag) return lines;
  const marks = lines.flatMap((line, index) => (line.trim() === `// [${tag}]` ? [index] : []));
  return marks.length === 2 ? lines.slice(marks[0] + 1, marks[1]) : undefined;
}

/// What is wrong with a quote; '' when it stands in `source`, which may be indented further.
function difference(code, source) {
  const shift = (line, by) => (line === '' ? '' : ' '.repeat(Math.max(by, 0)) + line);
  const fits = (from, by, at) => {
    for (let index = from; index < code.length; ++index, ++at) {
      if (code[index].trim() === '…') {
        for (let next = at; next <= source.length; ++next) if (fits(index + 1, by, next)) return true;
        return false;
      }
      if (source[at] !== shift(code[index], by)) return false;
    }
    return true;
  };
  for (let at = 0; at < source.length; ++at) {
    const by = indent_of(source[at]) - indent_of(code[0]);
    if (by >= 0 && fits(0, by, at)) return '';
  }
  const strange = code.find((line) => line.trim() !== '…' && !source.some((one) => one.trim() === line.trim()));
  return strange === undefined ? 'the lines stand there in another order' : `not there: ${strange.trim()}`;
}

// A source is built when a CMakeLists.txt names it, a header when a source includes it, a template by scenario.plugin_new.
function is_built(name) {
  const base = path.posix.basename(name);
  if (name.startsWith('plugin-api/templates/')) return true;
  if (/\.(hpp|h)$/.test(name)) return files.some((file) => /\.(cpp|hpp|c)$/.test(file.name) && new RegExp(`#include ["<](.*/)?${base}[">]`).test(file.text));
  return base === 'CMakeLists.txt' || files.some((file) => file.name.endsWith('CMakeLists.txt') && file.text.includes(base));
}

test('each quote stands in the file that it names, and that file is built', () => {
  const wrong = [];
  let count = 0;
  for (const { where, mark, code } of pages.flatMap(blocks_of)) {
    const [, name, tag] = MARK.exec(mark) ?? [];
    if (!name) continue;
    ++count;
    const source = read(name) === undefined ? undefined : region(read(name), tag);
    if (source === undefined) wrong.push(`${where}: ${name} has no ${tag ? `region [${tag}]` : 'such file'}`);
    else if (!is_built(name)) wrong.push(`${where}: ${name} is not built`);
    else if (difference(code, source) !== '') wrong.push(`${where}: ${name}: ${difference(code, source)}`);
  }
  none(wrong, 'quotes');
  assert.ok(count > 5, `only ${count} quotes were found`);
});

test('no C or C++ code in sdk-docs/ is without a source', () => {
  const blocks = pages.filter(({ name }) => name.startsWith('sdk-docs/') && name !== 'sdk-docs/reference.md').flatMap(blocks_of);
  none(blocks.filter(({ language, mark }) => /^(c|cpp|cmake)$/.test(language) && !MARK.test(mark)).map(({ where }) => where), 'blocks');
});

test('a wrong quote is noticed', () => {
  const source = ['class A {', '  int a;', '', '  int b;', '};'];
  assert.equal(difference(['int a;', '', 'int b;'], source), '');
  assert.equal(difference(['class A {', '…', '};'], source), '');
  assert.match(difference(['int a;', 'int b;'], source), /another order/);
  assert.match(difference(['int c;'], source), /not there: int c;/);
  assert.equal(region('// [one]\nint a;\n', 'one'), undefined);
});
