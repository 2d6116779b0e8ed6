// The content of the page: packed JSON that the Python side put beside this script.
import { strFromU8, unzlibSync } from 'fflate';
import { apart } from './words.js';

const FORMAT = 2;

export function readContent() {
  const packed = atob(document.getElementById('content').textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const content = JSON.parse(strFromU8(unzlibSync(bytes)));
  if (content.format !== FORMAT) throw new Error(`content has format ${content.format}, expected ${FORMAT}`);
  return namesApart(content);
}

function namesApart(content) {
  for (const side of content.sides) {
    side.label = apart(side.label);
    for (const about of [...Object.values(side.services), ...side.map.riding]) for (const key of ['title', 'name']) if (about[key]) about[key] = apart(about[key]);
    for (const stop of side.map.stops) stop[1] = apart(stop[1]);
  }
  for (const zone of content.areas.flatMap((area) => area.zones)) zone.name = apart(zone.name ?? '');
  return content;
}
