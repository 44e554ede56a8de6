// The header's comments are complete, and sdk-docs/reference.md is what they say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { names, read_header, tags } from './header.mjs';
import { make_reference, page_path, the_header } from './reference.mjs';
import { files, read } from '../tidy/tree.mjs';

const header = the_header();
const items = header.sections.flatMap((section) => section.items);
const functions = items.flatMap((item) => (item.kind === 'function' ? [item] : (item.members ?? []).filter(({ kind }) => kind === 'function')
  .map((member) => ({ ...member, name: `${item.name}.${member.name}` }))));
const none = (found, what) => assert.deepEqual(found, [], `${what}:\n  ${found.join('\n  ')}`);

test('sdk-docs/reference.md is what the comments of plugin.h say', () => {
  assert.equal(fs.readFileSync(page_path, 'utf8'), make_reference(header),
    'make it again: tests/node_modules/node/bin/node tests/docs/reference.mjs');
});

test('nothing of the header was overlooked', () => {
  const text = fs.readFileSync(path.join(path.dirname(page_path), '../plugin-api/include/tomada/plugin.h'), 'utf8');
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^#(if|endif|else|include).*$/gm, '');
  const known = new Set(names(header));
  none([...new Set([...code.matchAll(/^#define (\w+)/gm), ...code.matchAll(/\b(tomada_\w+)(?= \{|;|\()/g)].map(([, name]) => name))]
    .filter((name) => !known.has(name) && name !== 'TOMADA_PLUGIN_H'), 'not in the page');
  const pointers = [...code.matchAll(/\(\*(\w+)\)\(/g)].length;
  assert.equal(functions.length, pointers + 1, 'functions');
});

test('everything that the header gives has a comment', () => {
  const without = [];
  for (const item of items) {
    if (!item.doc) without.push(item.name);
    for (const member of item.members ?? []) if (!member.doc) without.push(`${item.name}.${member.name}`);
  }
  none(without, 'without a comment');
});

test('each function says from where it may be called and whether it may wait', () => {
  const wrong = [];
  for (const { name, doc } of functions) {
    const found = tags(doc);
    const of_plugin = name.startsWith('tomada_plugin');
    if (!of_plugin && !found.some((tag) => tag === '[any-thread]' || tag === '[call]')) wrong.push(`${name}: from where?`);
    if (found.filter((tag) => tag.endsWith('-suspend]')).length !== 1) wrong.push(`${name}: does it wait?`);
  }
  none(wrong, 'tags');
});

test('a comment that is missing is noticed', () => {
  const planted = read_header('/* The preface.\n */\n\n/* ---- One ---- */\n\n#define TOMADA_A 1\n\ntypedef struct tomada_b {\n  uint32_t size;\n} tomada_b;\n');
  assert.deepEqual(planted.sections[1].items.map(({ name, doc }) => [name, doc]), [['TOMADA_A', ''], ['tomada_b', '']]);
  assert.equal(planted.sections[1].items[1].members[0].doc, '');
});

test('no page speaks of what the header does not have', () => {
  const variables = [...read('host/settings/keys.cpp').matchAll(/Key\{"([\w.]+)"/g)].map(([, key]) => `TOMADA_${key.replace('.', '_').toUpperCase()}`);
  const known = new Set([...items.map(({ name }) => name.replace(/\(.*/, '')), ...variables, 'TOMADA_PLUGIN']);  // the last is of plugin.hpp
  const wrong = [];
  for (const { name, text } of files.filter((file) => /^sdk-docs\/.*\.md$/.test(file.name))) {
    for (const [word] of text.matchAll(/\bTOMADA_(E_[A-Z_]+|OK|STRUCT|TEXT|EXPORT|PLUGIN\w*|SYNC_\w+|HTTP_\w+|LOG_[A-Z]+_?ID|\w+_ID)\b/g)) {
      if (!known.has(word)) wrong.push(`${name}: ${word}`);
    }
    for (const [, id] of text.matchAll(/"(unstable\.\w+\/\d+)"/g)) {
      if (!items.some(({ value }) => value === `"${id}"`)) wrong.push(`${name}: ${id}`);
    }
  }
  none(wrong, 'words that plugin.h does not have');
});
