// types only: the page depends on the contract and contains no code of the service
import type { CapturedImage, CaptureListReply } from '../../http/schemas/capture.ts';
import type { LabelWord } from '../../http/schemas/label.ts';
import type { QualityReply } from '../../http/schemas/quality.ts';

export type { CapturedImage, CaptureListReply, LabelWord, QualityReply };
