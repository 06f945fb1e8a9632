import { expect, test } from "vitest";
import { createLabelledFamilies, PeerHistograms } from "./labelled-families.js";
import { observeLimits } from "./limits.js";

test("labels beyond the bound share one line, whoever makes them up", () => {
  const { peerReceiveFailures } = createLabelledFamilies();
  const { labelsPerFamilyMax } = observeLimits;
  for (let i = 0; i < labelsPerFamilyMax + 50; i++)
    peerReceiveFailures.cell(`stranger ${i}`).value++;
  peerReceiveFailures.cell("stranger 0").value++;
  const samples = [...peerReceiveFailures.samples()];
  expect(samples.length).toBe(labelsPerFamilyMax + 1);
  expect(samples[0]).toEqual({ labels: { From: "stranger 0" }, value: 2 });
  expect(samples.at(-1)).toEqual({ labels: { From: "other" }, value: 50 });
});

test("so it is with the times of peers", () => {
  const peers = new PeerHistograms();
  const { labelsPerFamilyMax } = observeLimits;
  for (let i = 0; i < labelsPerFamilyMax + 50; i++)
    peers.snapshotReceive(`stranger ${i}`).observe(1);
  expect(peers.snapshotReceive("one more")).toBe(peers.snapshotReceive("other"));
  expect(peers.snapshotReceive("stranger 0")).not.toBe(peers.snapshotReceive("other"));
});
