// @ts-check
/** Brings the report to life: charts from the points in the page, choices, theme, paper. */

import { startBill } from "./bill_charts.js";
import { startLatency } from "./latency_chart.js";
import { drawAll, drawForPaper, drawForScreen } from "./plot.js";
import { byId, readPoints } from "./points.js";
import { startSeries } from "./series_charts.js";
import { startSpread } from "./spread_chart.js";
import { startPrinting, startTheme } from "./theme.js";

const points = readPoints();
startLatency(points);
startSeries(points);
startBill(points);
startSpread(points);
startTheme(byId("theme"), drawAll);
startPrinting(drawForPaper, drawForScreen);
document.documentElement.dataset.drawn = "true";
