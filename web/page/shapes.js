// Places, zones and closures as the scenario has them: plain lists, changed as wholes.
const METRES_PER_DEGREE = 111320;
const CORNERS = 8;

export const rounded = ({ lat, lng, lon }) => ({ lon: Math.round((lng ?? lon) * 1e5) / 1e5, lat: Math.round(lat * 1e5) / 1e5 });
export const pair = (place) => { const { lon, lat } = rounded(place); return [lon, lat]; };

export function around(place, radius) {
  const wide = METRES_PER_DEGREE * Math.cos((place.lat * Math.PI) / 180);
  return Array.from({ length: CORNERS }, (_, at) => {
    const angle = (2 * Math.PI * at) / CORNERS;
    return pair({ lon: place.lon + (radius * Math.cos(angle)) / wide, lat: place.lat + (radius * Math.sin(angle)) / METRES_PER_DEGREE });
  });
}

const ALWAYS = { hours: ['00:00', '24:00'], season: ['01-01', '12-31'] };
// What says nothing is left out, so that the file stays short.
export function plain(entry) {
  if (typeof entry !== 'object' || entry === null) return entry;
  return Object.fromEntries(Object.entries(entry).filter(([key, value]) =>
    value !== null && value !== '' && !(Array.isArray(value) && !value.length) && JSON.stringify(value) !== JSON.stringify(ALWAYS[key])));
}

export const moved = (entries, at, place) => entries.map((entry, row) => plain(row === at ? { ...entry, ...rounded(place) } : entry));
export const without = (entries, at) => entries.filter((_, row) => row !== at).map(plain);
export const swapped = (entries, at, to) => {
  const list = entries.map(plain);
  [list[at], list[to]] = [list[to], list[at]];
  return list;
};
export const added = (entries, entry) => [...entries.map(plain), plain(entry)];
export const cornered = (entries, at, polygon) => entries.map((entry, row) => plain(row === at ? { ...entry, polygon } : entry));
