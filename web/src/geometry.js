// Places, streets and ways of one area in the plane of the map (Web Mercator at zoom 0, 256 wide), ready to draw fast.
const DEGREES = 1e5;
const BEYOND = 1e6;

const planeX = (lon) => (256 * (lon + 180)) / 360;
const planeY = (lat) => 128 - (128 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));

export class Geometry {
  constructor(area) {
    this.lines = area.lines.map(unpack);
    this.lonlat = area.places.map(([lon, lat]) => [lon / DEGREES, lat / DEGREES]);
    this.planeOfPlace = this.lonlat.map(([lon, lat]) => [planeX(lon), planeY(lat)]);
    this.planeOfLine = new Array(this.lines.length);
  }

  latlngs(line) {
    return this.lines[line].map(([lon, lat]) => [lat, lon]);
  }

  plane(line) {
    return (this.planeOfLine[line] ??= this.lines[line].map(([lon, lat]) => [planeX(lon), planeY(lat)]));
  }

  // The points of a way (see results/report/drawn_paths.py) as one array x, y, x, y ... with the length up to each point.
  shape(way) {
    const points = [];
    const add = ([x, y]) => {
      const end = points.length - 2;
      if (end < 0 || points[end] !== x || points[end + 1] !== y) points.push(x, y);
    };
    for (const step of way) {
      if (step >= BEYOND) add(this.planeOfPlace[step - BEYOND]);
      else if (step > 0) this.plane(step - 1).forEach(add);
      else this.plane(-step - 1).slice().reverse().forEach(add);
    }
    const xy = Float64Array.from(points);
    const upto = new Float64Array(xy.length / 2);
    for (let at = 1; at < upto.length; at += 1) upto[at] = upto[at - 1] + Math.hypot(xy[2 * at] - xy[2 * at - 2], xy[2 * at + 1] - xy[2 * at - 1]);
    return { xy, upto };
  }
}

function unpack(flat) {
  const points = [];
  let lon = 0;
  let lat = 0;
  for (let at = 0; at < flat.length; at += 2) {
    lon += flat[at];
    lat += flat[at + 1];
    points.push([lon / DEGREES, lat / DEGREES]);
  }
  return points;
}

// Write the point at a part (0..1) of a shape into `out`.
export function pointAt(shape, part, out) {
  const { xy, upto } = shape;
  const last = upto.length - 1;
  if (last <= 0) {
    out[0] = xy[0];
    out[1] = xy[1];
    return;
  }
  const goal = part * upto[last];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (upto[middle] <= goal) low = middle;
    else high = middle;
  }
  const span = upto[high] - upto[low];
  const along = span > 0 ? (goal - upto[low]) / span : 0;
  out[0] = xy[2 * low] + along * (xy[2 * high] - xy[2 * low]);
  out[1] = xy[2 * low + 1] + along * (xy[2 * high + 1] - xy[2 * low + 1]);
}
export { BEYOND };
