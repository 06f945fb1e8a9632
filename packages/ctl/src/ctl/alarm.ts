import { badArguments } from "../cli/ctl-error.js";
import type { Group } from "../cli/verb.js";
import { type CtlContext, ctlVerb } from "./context.js";

const disarm = ctlVerb({
  name: "disarm",
  usage: "disarm",
  summary: "Disarms all alarms",
  flags: {},
  async run(context, { args }) {
    if (args.length !== 0) throw badArguments("alarm disarm command accepts no arguments");
    const { maintenance } = await context.client();
    const { timeoutMs } = context;
    context.display.show("alarm", await maintenance.alarmDisarm(undefined, { timeoutMs }));
  },
});

const list = ctlVerb({
  name: "list",
  usage: "list",
  summary: "Lists all alarms",
  flags: {},
  async run(context, { args }) {
    if (args.length !== 0) throw badArguments("alarm list command accepts no arguments");
    const { maintenance } = await context.client();
    const { timeoutMs } = context;
    context.display.show("alarm", await maintenance.alarmList({ timeoutMs }));
  },
});

export const alarm: Group<CtlContext> = {
  name: "alarm",
  summary: "Alarm related commands",
  verbs: [disarm, list],
};
