// What the pages use of Apache ECharts; README.md says how the minified file is made of it.
import { BarChart, CustomChart, LineChart, ScatterChart } from "echarts/charts.js";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components.js";
import { init, use } from "echarts/core.js";
import { SVGRenderer } from "echarts/renderers.js";

use([
  AriaComponent,
  BarChart,
  CustomChart,
  GridComponent,
  LineChart,
  ScatterChart,
  SVGRenderer,
  TooltipComponent,
]);

export { init };
