// Lets Node find `/assets/NAME` where the server would: in the folder that holds NAME. `node --import
// ./test/assets.mjs`.

import { register } from 'node:module';

const folders = ['wallet', 'till', 'console', 'shared'].map((name) => new URL(`../${name}/`, import.meta.url).href);
const hook = `
import { existsSync } from 'node:fs';
const folders = ${JSON.stringify(folders)};
export async function resolve(specifier, context, next) {
  const name = specifier.match(/^(?:file:\\/\\/)?\\/assets\\/([a-z0-9-]+\\.js)$/)?.[1];
  const found = name && folders.map((folder) => new URL(name, folder)).find((url) => existsSync(url));
  return next(found ? found.href : specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
