// The content of the page: packed JSON that the Python side put beside this script.
import { strFromU8, unzlibSync } from 'fflate';
import { apart, declarePlaces, fromData } from './words.js';

const FORMAT = 2;

export function readContent() {
  const packed = atob(document.getElementById('content').textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const content = JSON.parse(strFromU8(unzlibSync(bytes)));
  if (content.format !== FORMAT) throw new Error(`content has format ${content.format}, expected ${FORMAT}`);
  return content;
}

// Names of scenarios, services, stops and quarters in the language of the page, each apart from the words around it.
export function nameContent(content) {
  const put = (thing, key) => {
    const originals = (thing.originals ??= {});
    originals[key] ??= thing[key];
    if (originals[key]) thing[key] = apart(fromData(String(originals[key]), true));
  };
  for (const side of content.sides) {
    side.originals ??= { label: side.label };
    side.label = apart(fromData(side.originals.label));
    for (const about of [...Object.values(side.services), ...side.map.riding]) for (const key of ['title', 'name']) put(about, key);
    for (const stop of side.map.stops) put(stop, 1);
  }
  for (const zone of content.areas.flatMap((area) => area.zones)) put(zone, 'name');
  declarePlaces(content.sides.flatMap((side) => side.map.stops.map((stop) => stop.originals[1])));
}
