// Charts: ECharts drawing SVG, each with patterns besides colour, a name for screen readers and a table behind it.
import * as echarts from 'echarts/core';
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';
import { h, more, table } from './page.js';
import { number, t } from './words.js';

echarts.use([BarChart, LineChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, SVGRenderer]);

const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const INK = '#1c2b39';
let drawn = [];

// option: of ECharts without what all share; rows: the table behind, first row of cells is the heading.
export function chart(id, title, height, option, columns, rows, words = '') {
  const place = h('div', { class: 'plot', id: `${id}-plot`, role: 'img', 'aria-label': words ? `${title}. ${words}` : title, style: { height: `${height}px` } });
  drawn.push({ place, option: complete(option), chart: null });
  return h('figure', { class: 'chart', id }, h('figcaption', {}, title), place, more(t('table'), table(title, columns, rows)));
}

export function drawCharts() {
  for (const one of drawn) {
    if (one.chart || !one.place.isConnected) continue;
    one.chart = echarts.init(one.place, null, { renderer: 'svg' });
    one.chart.setOption(one.option);
    quiet(one.place);
  }
}
// The figure around a drawing speaks for it; the drawing itself is silent.
function quiet(place) {
  place.querySelectorAll('svg').forEach((part) => part.setAttribute('aria-hidden', 'true'));
}
export function forgetCharts() {
  for (const one of drawn) one.chart?.dispose();
  drawn = [];
}
export function fitCharts(width) {
  for (const one of drawn) {
    if (!one.place.isConnected || !one.chart) continue;
    one.place.style.width = width ? `${width}px` : '';
    one.chart.resize();
    one.chart.getZr().flush();
    quiet(one.place);
  }
}

const LONGEST = 64; // more of a name is cut off in a drawing; tables and tooltips have all of it
export const short = (name) => (name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…${name[0] === '\u2068' ? '\u2069' : ''}` : name);

// What a chart says under the mouse: elements, since ECharts reads a string as HTML.
function told(items, { series, tooltip }) {
  const shown = items.filter((item) => series[item.seriesIndex].name);
  return h('div', { class: 'told' }, h('div', {}, String(shown[0]?.axisValueLabel ?? '')), shown.map((item) =>
    h('div', { class: 'row' }, h('i', { style: { background: item.color } }), h('bdi', {}, item.seriesName), h('b', {}, (tooltip?.valueFormatter ?? number)(item.value)))));
}

function complete(option) {
  const narrow = window.innerWidth < 600;
  const text = { fontFamily: FONT, color: INK, fontSize: narrow ? 11 : 12 };
  const axis = (one) => one && {
    nameLocation: 'middle', nameGap: one.type === 'value' ? 34 : 28, axisTick: { show: false }, ...one,
    nameTextStyle: text, axisLabel: { ...text, lineHeight: 13, ...(one.axisLabel || {}) }, axisLine: { lineStyle: { color: '#8795a3' } },
    splitLine: { lineStyle: { color: '#e3e8ed' } },
  };
  return {
    animation: false, textStyle: text, backgroundColor: 'transparent',
    aria: { enabled: true, label: { enabled: false }, decal: { show: option.patterns !== false } },
    grid: { left: 56, right: 16, top: option.legend === false ? 16 : narrow ? 70 : 44, bottom: 48, containLabel: false, ...(option.grid || {}) },
    legend: option.legend === false ? undefined : { top: 0, left: 0, type: 'plain', formatter: short, textStyle: text, itemWidth: 22, itemHeight: 13, ...(option.legend || {}) },
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, confine: true, textStyle: { fontFamily: FONT, fontSize: 12, color: INK }, formatter: (items) => told(items, option), ...(option.tooltip || {}) },
    xAxis: axis(option.xAxis), yAxis: axis(option.yAxis), series: option.series,
  };
}
