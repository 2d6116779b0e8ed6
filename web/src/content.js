// The content of the page: packed JSON that the Python side put beside this script.
import { strFromU8, unzlibSync } from 'fflate';

const FORMAT = 2;

export function readContent() {
  const packed = atob(document.getElementById('content').textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const content = JSON.parse(strFromU8(unzlibSync(bytes)));
  if (content.format !== FORMAT) throw new Error(`content has format ${content.format}, expected ${FORMAT}`);
  return content;
}
