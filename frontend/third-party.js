/** Vite plugins: name every package that went into the bundle, with version, licence and its text. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const ALLOWED = new Set([
  '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BSL-1.0', 'ISC', 'MIT', '(MIT AND Zlib)',
  '(WTFPL OR MIT)', // taken under MIT
]);

export function thirdParty() {
  const folders = new Set();
  return {
    /** Remembers the packages whose code is in a chunk of this build. */
    collect: () => ({
      name: 'third-party-collect',
      generateBundle(_options, bundle) {
        for (const chunk of Object.values(bundle)) {
          for (const id of chunk.moduleIds ?? []) {
            const folder = packageFolder(id);
            if (folder) folders.add(folder);
          }
        }
      },
    }),
    /** Writes THIRD_PARTY.txt; a licence that nobody has agreed to stops the build. */
    write: () => ({
      name: 'third-party-write',
      generateBundle() {
        const packages = [...folders].map(describe).sort((a, b) => (a.name < b.name ? -1 : 1));
        for (const { name, licence } of packages) {
          if (!ALLOWED.has(licence)) throw new Error(`${name}: licence ${licence} is not on the list`);
        }
        this.emitFile({ type: 'asset', fileName: 'THIRD_PARTY.txt', source: render(packages) });
      },
    }),
  };
}

function packageFolder(id) {
  const inside = id.replace(/^\0/, '').match(/^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  return inside?.[1];
}

function describe(folder) {
  const about = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).sort().find((name) => /^(licen[cs]e|copying)/i.test(name));
  const text = file && existsSync(path.join(folder, file)) ? readFileSync(path.join(folder, file), 'utf8') : '';
  return { name: about.name, version: about.version, licence: about.license, text: text.trim() };
}

function render(packages) {
  const list = packages.map((p) => `${p.name} ${p.version}  ${p.licence}`).join('\n');
  const texts = packages
    .filter((p) => p.text)
    .map((p) => `${'-'.repeat(78)}\n${p.name} ${p.version}\n\n${p.text.replace(/\r\n?/g, '\n')}\n`);
  return `The viewer bundle contains code of these packages.\n\n${list}\n\n${texts.join('\n')}`;
}
