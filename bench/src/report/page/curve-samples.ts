/** Fewer samples than this have no curve; their median is said beside the bar. */
export const CURVE_SAMPLES_MIN = 100;
