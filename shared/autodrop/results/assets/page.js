// Draws the charts that the page describes, and moves the threshold. All texts go in as text nodes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const spoken = document.getElementById("spoken");
  const drawn = [];

  const formats = {
    threshold: (value) => String(Number(value.toPrecision(4))),
    percent: (value) => {
      const shown = new Intl.NumberFormat("en", { maximumFractionDigits: Math.abs(value) < 0.1 ? 2 : 1 });
      return `${shown.format(100 * value)} %`;
    },
    count: (value) => new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(value),
    number: (value) =>
      new Intl.NumberFormat("en", {
        maximumSignificantDigits: 4,
        notation: Math.abs(value) >= 1e6 ? "compact" : "standard",
      }).format(value),
    time: (value) => new Date(value).toISOString().slice(0, 16).replace("T", " ") + " UTC",
    day: (value) => new Date(value).toISOString().slice(0, 10),
  };
  const format = (axis, value) => (formats[axis.format] || String)(value);

  const colours = () => {
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      1: of("accent"), 2: of("second"), 3: of("third"), guide: of("guide"),
      ink: of("ink"), soft: of("soft"), rule: of("rule"), card: of("card"),
    };
  };

  // A tooltip of text nodes: names from the data are never HTML here.
  const tip = (lines) => {
    const box = document.createElement("div");
    box.className = "tip";
    lines.filter(Boolean).forEach((line, i) => {
      const element = document.createElement(i ? "div" : "b");
      element.textContent = line;
      box.append(element);
    });
    return box;
  };

  const axisOf = (axis, colour, place) => ({
    type: axis.categories ? "category" : "value",
    name: axis.name,
    nameLocation: place === "x" ? "middle" : "end",
    nameGap: place === "x" ? 30 : 12,
    nameTextStyle: { color: colour.soft, fontSize: 13, align: place === "x" ? "center" : "left" },
    min: axis.min ?? null,
    max: axis.max ?? null,
    scale: axis.min == null,
    splitNumber: 4,
    // Quarters: 0 %, 25 %, …
    interval: axis.min === 0 && axis.max != null && axis.max <= 1 ? axis.max / 4 : null,
    axisLine: { show: place === "x", onZero: false, lineStyle: { color: colour.guide } },
    axisTick: { show: false },
    axisLabel: {
      color: colour.soft,
      fontSize: 12,
      hideOverlap: true,
      // Ends that follow from the data are no round numbers.
      ...(axis.min && axis.max ? { showMinLabel: false, showMaxLabel: false } : {}),
      formatter: (value) => format(axis.format === "time" ? { format: "day" } : axis, value),
    },
    splitLine: { show: place === "y", lineStyle: { color: colour.rule } },
  });

  const whisker = (name, points, colour, horizontal) => ({
    name, type: "custom", silent: true, z: 1,
    data: points,
    encode: horizontal ? { x: [0, 2, 3], y: 1 } : { x: 0, y: [1, 2, 3] },
    renderItem: (_, api) => {
      const [a, b] = horizontal
        ? [api.coord([api.value(2), api.value(1)]), api.coord([api.value(3), api.value(1)])]
        : [api.coord([api.value(0), api.value(2)]), api.coord([api.value(0), api.value(3)])];
      return {
        type: "line",
        shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] },
        style: { stroke: colour, lineWidth: horizontal ? 1.5 : 2, opacity: horizontal ? 0.9 : 0.6 },
      };
    },
  });

  const said = (spec, series, i) => {
    const [x, y, low, high] = series.points[i];
    const around =
      low == null || high == null ? "" : ` (${format(spec.y, low)} to ${format(spec.y, high)})`;
    return [
      `${spec.y.name}: ${format(spec.y, y)}${around}`,
      `${spec.x.name}: ${format(spec.x, x)}`,
      series.notes ? series.notes[i] : null,
    ];
  };

  const kinds = {
    xy(spec, colour) {
      const series = [];
      spec.series.forEach((each) => {
        const paint = colour[each.colour];
        const bounded = each.points.filter((point) => point[2] != null && point[3] != null);
        if (bounded.length) series.push(whisker(each.name, bounded, paint, false));
        const dots = each.look === "points" || each.look === "dots";
        series.push({
          name: each.name,
          id: each.name,
          type: each.look === "dots" ? "scatter" : "line",
          step: each.look === "step" ? "end" : false,
          data: each.points.map((point) => [point[0], point[1]]),
          // A line of one point is only seen by its point.
          showSymbol: dots || (each.look !== "guide" && each.points.length < 3),
          symbol: "circle",
          symbolSize: dots ? 8 : 6,
          silent: each.look === "guide",
          z: each.look === "guide" ? 0 : 2,
          lineStyle: {
            color: paint, width: each.look === "guide" ? 1.5 : 2.2,
            type: each.look === "guide" ? [5, 4] : each.dash || "solid",
          },
          itemStyle: { color: paint },
          emphasis: { disabled: true },
        });
      });
      return {
        grid: { left: 4, right: 22, top: 34, bottom: 30, containLabel: true },
        xAxis: axisOf(spec.x, colour, "x"),
        yAxis: axisOf(spec.y, colour, "y"),
        series,
        tooltip: {
          trigger: "axis",
          axisPointer: { type: "line", lineStyle: { color: colour.guide } },
          formatter: (found) => {
            const lines = [];
            found.forEach((each) => {
              const of = spec.series.find((one) => one.name === each.seriesName);
              if (!of || of.look === "guide" || each.seriesType === "custom") return;
              if (spec.series.filter((one) => one.look !== "guide").length > 1) {
                lines.push(`${of.name}: ${format(spec.y, of.points[each.dataIndex][1])}`);
                if (lines.length === 1) lines.push(`${spec.x.name}: ${format(spec.x, of.points[each.dataIndex][0])}`);
              } else lines.push(...said(spec, of, each.dataIndex));
            });
            return tip(lines);
          },
        },
      };
    },

    bars(spec, colour) {
      const names = spec.names;
      const narrow = window.innerWidth < 640;
      const bounded = names
        .map((_, i) => [spec.values[i], i, spec.low && spec.low[i], spec.high && spec.high[i]])
        .filter((each) => each[2] != null && each[3] != null);
      return {
        grid: { left: 8, right: 28, top: 8, bottom: 30, containLabel: true },
        xAxis: { ...axisOf(spec.x, colour, "x"), splitLine: { show: true, lineStyle: { color: colour.rule } } },
        yAxis: {
          type: "category",
          inverse: true,
          data: names,
          axisLine: { lineStyle: { color: colour.guide } },
          axisTick: { show: false },
          axisLabel: {
            color: colour.ink, fontSize: 12.5, interval: 0,
            width: narrow ? 110 : 190, overflow: "truncate",
          },
        },
        series: [
          {
            name: spec.x.name, type: "bar", data: spec.values, barMaxWidth: 18, barCategoryGap: "35%",
            itemStyle: { color: colour[1], borderRadius: [0, 3, 3, 0] }, emphasis: { disabled: true },
          },
          whisker("interval", bounded, colour.ink, true),
        ],
        tooltip: {
          trigger: "axis",
          axisPointer: { type: "none" },
          formatter: (found) => tip(spec.said(found[0].dataIndex)),
        },
      };
    },

    histogram(spec, colour) {
      const paint = (name, counts, key, offset) => ({
        name, type: "custom",
        data: counts.map((count, i) => [spec.edges[i], count, spec.edges[i + 1], i]),
        encode: { x: [0, 2], y: 1, tooltip: [] },
        renderItem: (_, api) => {
          const a = api.coord([api.value(0), api.value(1)]);
          const b = api.coord([api.value(2), 0]);
          const gap = (b[0] - a[0]) / spec.series.length;
          return {
            type: "rect",
            shape: { x: a[0] + gap * offset + 0.5, y: a[1], width: Math.max(gap - 1, 1), height: b[1] - a[1] },
            style: { fill: colour[key] },
          };
        },
      });
      return {
        grid: { left: 4, right: 22, top: 34, bottom: 30, containLabel: true },
        xAxis: axisOf(spec.x, colour, "x"),
        yAxis: axisOf({ ...spec.y, min: 0 }, colour, "y"),
        series: spec.series.map((each, i) => paint(each.name, each.counts, each.colour, i)),
        tooltip: { trigger: "item", formatter: (found) => tip(spec.said(found.value[3])) },
      };
    },

    density(spec, colour) {
      const most = Math.max(...spec.cells.map((cell) => cell[4]));
      const low = Math.min(spec.x.min, spec.y.min);
      const high = Math.max(spec.x.max, spec.y.max);
      return {
        grid: { left: 4, right: 22, top: 34, bottom: 30, containLabel: true },
        xAxis: { ...axisOf(spec.x, colour, "x"), splitLine: { show: false } },
        yAxis: axisOf(spec.y, colour, "y"),
        series: [
          {
            name: "rows", type: "custom", data: spec.cells, clip: true,
            encode: { x: [0, 1], y: [2, 3], tooltip: [] },
            renderItem: (_, api) => {
              const a = api.coord([api.value(0), api.value(3)]);
              const b = api.coord([api.value(1), api.value(2)]);
              return {
                type: "rect",
                shape: { x: a[0], y: a[1], width: b[0] - a[0] + 0.3, height: b[1] - a[1] + 0.3 },
                style: { fill: colour[1], opacity: 0.12 + 0.88 * Math.sqrt(api.value(4) / most) },
              };
            },
          },
          {
            name: "exactly right", type: "line", silent: true, showSymbol: false, clip: true,
            data: [[low, low], [high, high]],
            lineStyle: { color: colour[2], width: 1.8, type: [5, 4] },
          },
        ],
        tooltip: { trigger: "item", formatter: (found) => tip(spec.said(found.dataIndex)) },
      };
    },
  };

  // What one point of a chart says, for the tooltip and for the keyboard.
  const speaker = (spec) => {
    const first = spec.series && (spec.series.find((each) => each.look !== "guide") || spec.series[0]);
    if (spec.kind === "xy") return [first.points.length, (i) => said(spec, first, i)];
    if (spec.kind === "bars") {
      return [spec.names.length, (i) => [
        spec.names[i],
        `${spec.x.name}: ${format(spec.x, spec.values[i])}`,
        spec.low && spec.low[i] != null && `${format(spec.x, spec.low[i])} to ${format(spec.x, spec.high[i])}`,
        spec.notes && spec.notes[i],
      ]];
    }
    if (spec.kind === "histogram") {
      return [spec.edges.length - 1, (i) => [
        `${format(spec.x, spec.edges[i])} to ${format(spec.x, spec.edges[i + 1])}`,
        ...spec.series.map((each) => `${each.name}: ${format(spec.y, each.counts[i])}`),
      ]];
    }
    return [spec.cells.length, (i) => {
      const [x0, x1, y0, y1, count] = spec.cells[i];
      return [
        `${formats.count(count)} rows`,
        `${spec.x.name}: ${format(spec.x, x0)} to ${format(spec.x, x1)}`,
        `${spec.y.name}: ${format(spec.y, y0)} to ${format(spec.y, y1)}`,
      ];
    }];
  };

  const optionOf = (spec, label) => {
    const colour = colours();
    const option = kinds[spec.kind](spec, colour);
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour.ink },
      aria: { enabled: true, label: { enabled: true, description: label } },
      ...option,
      tooltip: {
        confine: true,
        backgroundColor: colour.card,
        borderColor: colour.rule,
        textStyle: { color: colour.ink, fontSize: 13 },
        transitionDuration: 0,
        ...option.tooltip,
      },
    };
  };

  const viewBox = (element) => {
    const svg = element.querySelector("svg");
    if (svg) svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  };

  const draw = (element) => {
    const spec = data.charts[element.dataset.chart];
    const label = element.getAttribute("aria-label");
    const [length, say] = speaker(spec);
    spec.said = say;
    element.classList.add("drawn");
    if (spec.kind === "bars") element.style.height = `${Math.max(8, 4.2 + 1.65 * spec.names.length)}rem`;
    else element.style.height = element.closest(".lone") ? "22rem" : "19rem";
    const chart = echarts.init(element, null, { renderer: "svg" });
    const paint = () => {
      chart.setOption(optionOf(spec, label), true);
      element.setAttribute("aria-label", label);
      viewBox(element);
    };
    paint();
    drawn.push({ chart, element, paint });
    const table = element.nextElementSibling;
    if (table && table.tagName === "DETAILS") table.open = false;
    let at = -1;
    element.tabIndex = 0;
    element.setAttribute("aria-description", "The arrow keys read its points one by one.");
    element.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step || !length) return;
      event.preventDefault();
      at = Math.min(Math.max(at + step, 0), length - 1);
      const series = chart.getOption().series.findIndex((each) => !each.silent);
      chart.dispatchAction({ type: "showTip", seriesIndex: series, dataIndex: at });
      spoken.textContent = say(at).filter(Boolean).join(", ");
    });
    element.addEventListener("blur", () => chart.dispatchAction({ type: "hideTip" }));
  };

  document.querySelectorAll("[data-chart]").forEach(draw);

  const resized = new ResizeObserver(() => {
    if (root.dataset.paper !== undefined) return;
    drawn.forEach(({ chart, element }) => {
      if (element.clientWidth && element.clientWidth !== chart.getWidth()) {
        chart.resize();
        viewBox(element);
      }
    });
  });
  drawn.forEach(({ element }) => resized.observe(element));

  const repaint = () => drawn.forEach(({ paint }) => paint());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  const onPaper = (is) => {
    if (is) root.dataset.paper = "";
    else delete root.dataset.paper;
    repaint();
  };
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));

  const slider = document.getElementById("threshold");
  if (slider && data.thresholds.length) {
    const input = slider.querySelector("input");
    const output = slider.querySelector("output");
    const of = (share) => (share == null ? "not available" : formats.percent(share));
    const say = () => {
      const at = data.thresholds[Number(input.value)];
      const threshold = formats.threshold(at.threshold);
      input.setAttribute("aria-valuetext", `from ${threshold}`);
      output.textContent =
        `From a probability of ${threshold}: ${formats.count(at.flagged)} rows are flagged ` +
        `(${formats.percent(at.flagged_share)}). ` +
        (at.flagged ? `${of(at.precision)} of them are right (precision), and ` : "") +
        `${of(at.recall)} of all positive rows are found (recall). F1 ` +
        `${at.f1 == null ? "not available" : formats.number(at.f1)}, accuracy ${formats.percent(at.accuracy)}.`;
      ["true_positives", "false_negatives", "false_positives", "true_negatives"].forEach((name) => {
        slider.querySelector(`[data-cell=${name}]`).textContent = formats.count(at[name]);
      });
    };
    input.max = String(data.thresholds.length - 1);
    input.value = String(
      data.thresholds.reduce(
        (best, each, i) =>
          Math.abs(each.threshold - 0.5) < Math.abs(data.thresholds[best].threshold - 0.5) ? i : best,
        0,
      ),
    );
    slider.hidden = false;
    input.addEventListener("input", say);
    say();
  }
})();
