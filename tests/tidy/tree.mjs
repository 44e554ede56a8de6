// The files of the project as [{ name, text, lines }], without what builds leave behind.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const skipped = new Set(['.git', 'build', 'node_modules', '.cache', 'compile_commands.json']);

function* walk(folder) {
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue;
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(name);
    else if (entry.isFile()) yield name;
  }
}

export const topLevel = fs.readdirSync(root).filter((name) => !skipped.has(name));
export const files = [...walk('.')].sort().map((name) => {
  const text = fs.readFileSync(path.join(root, name), 'utf8');
  return { name, text, lines: text.split('\n').length - 1 };
});
export const read = (name) => files.find((file) => file.name === name)?.text;
export const host_folders = fs.readdirSync(path.join(root, 'host'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map((entry) => entry.name);

// The order of host/CMakeLists.txt, lowest first, and the USES of each folder's CMakeLists.txt: the one table of who may
// include whom.
export function uses() {
  const order = /foreach\(folder ([^)]*)\)/.exec(read('host/CMakeLists.txt'))[1].trim().split(/\s+/);
  const words_of = new Map();
  for (const folder of order) {
    const text = read(`host/${folder}/CMakeLists.txt`);
    if (text !== undefined) words_of.set(folder, /tomada_folder\(([^)]*)\)/.exec(text)[1].trim().split(/\s+/));
  }
  // A target may have another name than its folder: the first word says it.
  const folder_of = new Map([...words_of].map(([folder, words]) => [words[0], folder]));
  const table = new Map([...words_of].map(([folder, words]) =>
    [folder, words.slice(words.indexOf('USES') + 1).map((word) => folder_of.get(word)).filter(Boolean)]));
  return { order, table };
}
