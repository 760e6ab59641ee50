// Draws the charts that the page describes, and moves the threshold. All texts go in as text nodes.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const spoken = document.getElementById("spoken");
  const drawn = [];

  // The rule of words.py: four digits, no zeros at the end, words, powers of ten, and a minus sign.
  const raised = (power) => [...String(power)].map((c) => "\u207b⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
  const number = (value) => {
    if (!value) return "0";
    const rounded = value.toExponential(3);
    const [digits, power] = rounded.split("e").map(Number);
    const shown =
      power < -3 || power >= 15
        ? `${digits}\u00a0×\u00a010${raised(power)}`
        : power >= 9
          ? `${Number((digits * 10 ** (power % 3)).toPrecision(4))}\u00a0${power < 12 ? "billion" : "trillion"}`
        : Math.abs(Number(rounded)) >= 1000
          ? new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(value)
          : String(Number(value.toPrecision(4)));
    return shown.replace("-", "\u2212");
  };
  const formats = {
    number,
    percent: (value) => {
      if (value > 0 && value < 0.001) return "<0.1 %";
      if (value >= 0.9995 && value < 1) return ">99.9 %";
      return `${Number((100 * value).toPrecision(3))} %`.replace("-", "\u2212");
    },
    count: (value) => new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(value),
    time: (value) => new Date(value).toISOString().slice(0, 16).replace("T", " ") + " UTC",
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
    interval: axis.interval || (axis.min === 0 && axis.max != null && axis.max <= 1 ? axis.max / 4 : null),
    axisLine: { show: place === "x", onZero: false, lineStyle: { color: colour.guide } },
    axisTick: { show: false },
    axisLabel: {
      color: colour.soft,
      fontSize: 12,
      hideOverlap: true,
      // Ends that follow from the data are no round numbers.
      ...(axis.min && axis.max && !axis.interval && !axis.ticks ? { showMinLabel: false, showMaxLabel: false } : {}),
      ...(axis.ticks ? { customValues: axis.ticks.map(([value]) => value) } : {}),
      formatter: axis.ticks
        ? (value) => (axis.ticks.find((each) => each[0] === value) || ["", ""])[1]
        : (value) => format(axis, value),
    },
    splitLine: { show: place === "y", lineStyle: { color: colour.rule } },
  });

  const ruler = document.createElement("canvas").getContext("2d");
  // Long names are cut where they do not differ: in the middle, at the end, at the start, or on
  // both sides of what is different. Those that still look alike are counted.
  const cutNames = (names, width, font) => {
    ruler.font = font;
    const letters = names.map((name) => [...name]);
    const fitting = (i, write) => {
      const whole = letters[i];
      if (ruler.measureText(names[i]).width <= width) return names[i];
      for (let kept = Math.min(whole.length - 1, 80); kept > 2; kept -= 1) {
        const short = write(whole, kept);
        if (ruler.measureText(short).width <= width) return short;
      }
      return "…";
    };
    const text = (some) => some.join("");
    const sharedStart = (group) => {
      let n = 0;
      while (letters[group[0]][n] && group.every((i) => letters[i][n] === letters[group[0]][n])) n += 1;
      return n;
    };
    const ways = [
      () => (all, kept) => `${text(all.slice(0, kept - Math.floor(kept / 2)))}…${text(all.slice(all.length - Math.floor(kept / 2)))}`,
      () => (all, kept) => `${text(all.slice(0, kept))}…`,
      () => (all, kept) => `…${text(all.slice(all.length - kept))}`,
      (group) => {
        const start = sharedStart(group);
        return (all, kept) => `${text(all.slice(0, 4))}…${text(all.slice(start, start + kept - 2))}…`;
      },
    ];
    const shown = names.map((_, i) => fitting(i, ways[0]()));
    const groups = new Map();
    shown.forEach((short, i) => groups.set(short, [...(groups.get(short) || []), i]));
    [...groups.values()].filter((group) => group.length > 1).forEach((group) => {
      const tried = ways.slice(1).map((way) => group.map((i) => fitting(i, way(group))));
      const found = tried.find((cut) => new Set(cut).size === group.length);
      if (found) group.forEach((i, at) => { shown[i] = found[at]; });
    });
    const seen = new Set();
    return shown.map((short) => {
      let one = short;
      for (let i = 2; seen.has(one); i += 1) one = `${short} (${i})`;
      seen.add(one);
      return one;
    });
  };

  const whisker = (name, points, colour, horizontal) => ({
    // Above the bars, or half of each interval lies hidden behind its own.
    name, type: "custom", silent: true, z: horizontal ? 3 : 1,
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

  const zeroLine = (colour) => ({
    name: "zero", type: "custom", silent: true, z: 1, data: [[0, 0]],
    renderItem: ({ coordSys }, api) => {
      const [x] = api.coord([0, 0]);
      return {
        type: "line",
        shape: { x1: x, y1: coordSys.y, x2: x, y2: coordSys.y + coordSys.height },
        style: { stroke: colour, lineWidth: 1.2 },
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
      const family = getComputedStyle(document.body).fontFamily;
      spec.shown = cutNames(names, narrow ? 110 : 190, `12.5px ${family}`);
      const bounded = names
        .map((_, i) => [spec.values[i], i, spec.low && spec.low[i], spec.high && spec.high[i]])
        .filter((each) => each[2] != null && each[3] != null);
      return {
        grid: { left: 8, right: 28, top: 8, bottom: 30, containLabel: true },
        xAxis: { ...axisOf(spec.x, colour, "x"), splitLine: { show: true, lineStyle: { color: colour.rule } } },
        yAxis: {
          type: "category",
          inverse: true,
          data: spec.shown,
          axisLine: { onZero: false, lineStyle: { color: colour.guide } },
          axisTick: { show: false },
          axisLabel: {
            color: colour.ink, fontSize: 12.5, interval: 0,
          },
        },
        series: [
          {
            name: spec.x.name, type: "bar", data: spec.values, barMaxWidth: 18, barCategoryGap: "35%",
            itemStyle: { color: colour[1], borderRadius: [0, 3, 3, 0] }, emphasis: { disabled: true },
          },
          whisker("interval", bounded, colour.ink, true),
          ...(spec.x.min < 0 ? [zeroLine(colour.soft)] : []),
        ],
        tooltip: {
          trigger: "axis",
          axisPointer: { type: "none" },
          formatter: (found) => tip(spec.said(found[0].dataIndex)),
        },
      };
    },

    curves(spec, colour) {
      const at = (values) => spec.grid.map((cell, i) => [cell, values[i]]);
      const dots = Boolean(spec.x.categories);
      return {
        grid: { left: 2, right: 14, top: 10, bottom: 4, containLabel: true },
        xAxis: dots
          ? {
            type: "category", data: spec.x.categories, axisTick: { show: false },
            axisLine: { onZero: false, lineStyle: { color: colour.guide } },
            axisLabel: {
              color: colour.soft, fontSize: 11.5, interval: 0, hideOverlap: true,
              rotate: spec.grid.length > 3 ? 35 : 0, width: 86, overflow: "truncate",
            },
          }
          : axisOf(spec.x, colour, "x"),
        yAxis: axisOf(spec.y, colour, "y"),
        series: [
          ...spec.curves.map((values) => ({
            type: "line", data: at(values), silent: true, showSymbol: false, z: 1,
            lineStyle: { color: colour.guide, width: 1, opacity: 0.45 }, emphasis: { disabled: true },
          })),
          {
            name: spec.what, type: "line", data: at(spec.mean), showSymbol: true, symbol: "circle",
            symbolSize: dots ? 8 : 5, z: 3, lineStyle: { color: colour[1], width: 2.6 },
            itemStyle: { color: colour[1] }, emphasis: { disabled: true },
          },
        ],
        tooltip: {
          trigger: "axis",
          axisPointer: { type: "line", lineStyle: { color: colour.guide } },
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
    if (spec.kind === "curves") {
      return [spec.grid.length, (i) => {
        const rows = spec.curves.map((values) => values[i]);
        return [
          typeof spec.grid[i] === "number" ? formats.number(spec.grid[i]) : spec.grid[i],
          `${spec.what}: ${format(spec.y, spec.mean[i])}`,
          `single rows ${format(spec.y, Math.min(...rows))} to ${format(spec.y, Math.max(...rows))}`,
        ];
      }];
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

  // The whole name of a cut label, for the mouse.
  const nameCutLabels = (element, spec) => {
    element.querySelectorAll("svg text").forEach((text) => {
      const i = spec.shown.indexOf(text.textContent);
      if (i < 0 || spec.shown[i] === spec.names[i]) return;
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = spec.names[i];
      text.append(title);
    });
  };

  const draw = (element) => {
    const spec = data.charts[element.dataset.chart];
    const label = element.getAttribute("aria-label");
    const [length, say] = speaker(spec);
    spec.said = say;
    element.classList.add("drawn");
    if (spec.kind === "bars") element.style.height = `${Math.max(8, 4.2 + 1.65 * spec.names.length)}rem`;
    else if (spec.kind === "curves") element.style.height = "13rem";
    else element.style.height = element.closest(".lone") ? "22rem" : "19rem";
    const chart = echarts.init(element, null, { renderer: "svg" });
    const paint = () => {
      chart.setOption(optionOf(spec, label), true);
      element.setAttribute("aria-label", label);
      viewBox(element);
      if (spec.shown) nameCutLabels(element, spec);
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
  // What is folded on a screen is open on paper, and without scripts.
  const folded = [...document.querySelectorAll("details.folded")];
  folded.forEach((each) => { each.open = false; });
  let opened = [];
  const onPaper = (is) => {
    if (is) {
      root.dataset.paper = "";
      opened = opened.concat(folded.filter((each) => !each.open));
      opened.forEach((each) => { each.open = true; });
    } else {
      delete root.dataset.paper;
      opened.forEach((each) => { each.open = false; });
      opened = [];
    }
    repaint();
  };
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));

  // A table that is wider than its place says so; its region scrolls, with the keyboard too.
  const hinted = new ResizeObserver((entries) => {
    entries.forEach(({ target }) => {
      const region = target.closest(".wide");
      const hint = region.previousElementSibling;
      hint.hidden = region.scrollWidth <= region.clientWidth + 1;
    });
  });
  document.querySelectorAll(".wide").forEach((region) => {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = "More columns: scroll this table sideways →";
    hint.hidden = true;
    hint.setAttribute("aria-hidden", "true");
    region.before(hint);
    hinted.observe(region);
    hinted.observe(region.firstElementChild);
  });

  const slider = document.getElementById("threshold");
  if (slider && data.thresholds.length) {
    const input = slider.querySelector("input");
    const output = slider.querySelector("output");
    const rows = (n) => `${formats.count(n)} ${n === 1 ? "row" : "rows"}`;
    const said = (at) => {
      const positives = at.true_positives + at.false_negatives;
      const found = [];
      if (!at.flagged) found.push("no row is flagged.");
      else {
        const are = at.flagged === 1 ? "row is" : "rows are";
        found.push(`${formats.count(at.flagged)} ${are} flagged (${formats.percent(at.flagged_share)} of all).`);
        if (at.flagged === 1) found.push(`It is ${at.precision ? "right" : "wrong"} (precision ${formats.percent(at.precision)}).`);
        else if (at.precision === 0) found.push("None of them is right (precision 0 %).");
        else if (at.precision != null) found.push(`${formats.percent(at.precision)} of them are right (precision).`);
      }
      if (!positives) found.push("There is no positive row to be found.");
      else if (positives === 1) found.push(`The only positive row is ${at.recall ? "found" : "missed"} (recall ${formats.percent(at.recall)}).`);
      else if (at.recall === 0) found.push(`Of the ${rows(positives)} that are positive, none is found (recall 0 %).`);
      else found.push(`Of the ${rows(positives)} that are positive, ${formats.percent(at.recall)} are found (recall).`);
      const scores = [`Accuracy ${formats.percent(at.accuracy)}`];
      if (at.f1 != null && positives) scores.push(`F1 ${formats.number(at.f1)}`);
      return `${found.join(" ")} ${scores.join(", ")}.`;
    };
    const say = () => {
      const at = data.thresholds[Number(input.value)];
      const threshold = formats.number(at.threshold);
      input.setAttribute("aria-valuetext", `from ${threshold}`);
      output.textContent = `From a probability of ${threshold} on, ${said(at)}`;
      ["true_positives", "false_negatives", "false_positives", "true_negatives"].forEach((name) => {
        slider.querySelector(`[data-cell=${name}]`).textContent = formats.count(at[name]);
      });
    };
    const start = data.start ?? 0.5;
    input.max = String(data.thresholds.length - 1);
    input.value = String(
      data.thresholds.reduce(
        (best, each, i) =>
          Math.abs(each.threshold - start) < Math.abs(data.thresholds[best].threshold - start) ? i : best,
        0,
      ),
    );
    slider.hidden = false;
    input.addEventListener("input", say);
    say();
  }
})();
