"""The public data sets that have a name: files, checksums, hosts, licence and citation of each.

A table and nothing else; `known` finds the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KNOWN", "KnownFile", "KnownSet"]


@dataclass(frozen=True)
class KnownFile:
    """A file as its hosts serve it.

    Attributes:
        name: the file's name at every host.
        sha256: of the file as it is served.
        unpacked_sha256: of its content without gzip, which is then accepted under the name without `.gz`.
    """

    name: str
    sha256: str
    unpacked_sha256: str = ""


@dataclass(frozen=True)
class KnownSet:
    """A public data set. One without files is embedded in a library we depend on.

    Attributes:
        name, kind, about: what it is called, what kind of data it is, and what is in it.
        classes: their names where the files hold numbers.
        licence, citation: the set's own.
        files: in the order in which they are read.
        hosts: folders of the web that hold all files under their names.
        origin: where a person finds it.
        shelf: the folder on the shelf, and in the cache, where it is not called as the set.
        folder: where the set is thousands of files, the name of the folder that holds them.
        order: of pictures: how they are read where nothing is said, if not row by row.
        reading: how it is read where nothing is said, as `kinds.base.Reading` has it.
        split: of tables: the steps to fit, to validate and to test, where others have agreed on them.
    """

    name: str
    kind: str
    about: str
    classes: tuple[str, ...]
    licence: str
    citation: str
    files: tuple[KnownFile, ...] = ()
    hosts: tuple[str, ...] = ()
    origin: str = ""
    shelf: str = ""
    folder: str = ""
    order: str = ""
    reading: Mapping[str, str | int | bool] = field(default_factory=dict)
    split: tuple[int, ...] = ()


_DIGITS = tuple("0123456789")
_COOKE = (
    "M. Cooke et al.: An audio-visual corpus for speech perception and automatic speech recognition, "
    "Journal of the Acoustical Society of America 120 (2006)"
)
_MOUTHS = (KnownFile("grid_s1_mouth.npz", "e739a0a21286158e8f0201cbf91d8983edaa3ca0efa08ff509bb6a54d3fa2572"),)
_LSTM = "S. Hochreiter, J. Schmidhuber: Long Short-Term Memory, Neural Computation 9 (1997)"

_MNIST = KnownSet(
    name="mnist",
    kind="image",
    about="60,000 + 10,000 handwritten digits of 28 x 28 pixels",
    classes=_DIGITS,
    licence="CC BY-SA 3.0",
    citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition, "
    "Proceedings of the IEEE 86 (1998)",
    files=(
        KnownFile(
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        KnownFile(
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        KnownFile(
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        KnownFile(
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    hosts=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
)

_SETS = (
    KnownSet(
        name="digits",
        kind="image",
        about="1,797 handwritten digits of 8 x 8 pixels, 0..16; embedded, no download",
        classes=_DIGITS,
        licence="CC BY 4.0",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository (1998)",
    ),
    _MNIST,
    KnownSet(
        name="fashion-mnist",
        kind="image",
        about="60,000 + 10,000 pictures of clothes of 28 x 28 pixels",
        classes=(
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        licence="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv 1708.07747 (2017)",
        files=(
            KnownFile("train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            KnownFile("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            KnownFile("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            KnownFile("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        hosts=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
    ),
    KnownSet(
        name="shakespeare",
        kind="language",
        about="1.1 million characters of Shakespeare's plays",
        classes=(),
        licence="public domain",
        citation="A. Karpathy: The Unreasonable Effectiveness of Recurrent Neural Networks (2015)",
        files=(KnownFile("input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),),
        hosts=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",),
        origin="https://github.com/karpathy/char-rnn",
    ),
    KnownSet(
        name="machado",
        kind="language",
        about="ten novels of Machado de Assis in Portuguese, 3.1 million characters",
        classes=(),
        licence="public domain",
        citation="J. M. Machado de Assis (1839-1908), by the portal machado.mec.gov.br",
        files=(
            KnownFile("casaVelha.txt", "5defe6c618f2d0538523e3f6fec112d46b1656b1c7a896ec18c57d1eeb99bd64"),
            KnownFile("domCasmurro.txt", "d2d0da51e599361f12347905e9aedd32527912e0676111131bd919f792ef9360"),
            KnownFile("esau.txt", "2c6c40a46e0b37157438a0652a859b265c90fcb3f8992dc68035c427dc365ea2"),
            KnownFile("helena.txt", "13cb0ae9ac7915a745d3d8a5aa7caa6f73eaadaa3ac1640aa3d988434a1e121b"),
            KnownFile("iaia.txt", "e7089fa955d334b5cc26ceb3e0e681695ffd18c74d86b3bf64965314f20cda9c"),
            KnownFile("maoLuva.txt", "b15a6fb8db0291c4e3228a24534907d5b38344b4ecfae4301b3d8041de16e3b7"),
            KnownFile("memorial-de-aires.txt", "76343d1bb6ab6dd58cc9623d3862f852ebb706b1b6dc827066d83bffa3e78289"),
            KnownFile("memoriasBras.txt", "3cb24e357d9c5ae7c95b4efb4949e7b8838a528577281bc875f6e8e9a9780bba"),
            KnownFile("quincas.txt", "dc7b6452a1aa0f9bfe170035b25bcdef8d2b528fe081fe2aa2d5a6d76a2b5be1"),
            KnownFile("ressurreicao.txt", "ffc33c6f6adf780b16e7a81b8a128b9a1bab86523cca9d111bb9214fc95a6f60"),
        ),
        hosts=("https://raw.githubusercontent.com/luxedo/dataset-machado-de-assis/master/txt/romance/",),
        origin="https://machado.mec.gov.br",
    ),
    KnownSet(
        name="sms_spam",
        kind="text",
        about="5,574 short messages in English, spam or not",
        classes=(),
        licence="CC BY 4.0",
        citation="T. A. Almeida, J. M. Gomez Hidalgo: SMS Spam Collection, UCI Machine Learning Repository (2011)",
        files=(KnownFile("SMSSpamCollection", "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"),),
        hosts=(),
        origin="https://archive.ics.uci.edu/dataset/228/sms+spam+collection",
    ),
    KnownSet(
        name="trec",
        kind="text",
        about="5,452 + 500 questions in English of 6 types",
        classes=(),
        licence="none stated; for research",
        citation="X. Li, D. Roth: Learning Question Classifiers, COLING (2002)",
        files=(
            KnownFile("train_5500.label", "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3"),
            KnownFile("TREC_10.label", "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e"),
        ),
        hosts=("https://cogcomp.seas.upenn.edu/Data/QA/QC/",),
        origin="https://cogcomp.seas.upenn.edu/Data/QA/QC/",
    ),
    KnownSet(
        name="names",
        kind="text",
        about="20,050 surnames of 18 languages",
        classes=(),
        licence="MIT",
        citation="S. Robertson: Practical PyTorch, classifying names with a character-level RNN (2017)",
        files=(
            KnownFile("Arabic.txt", "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc"),
            KnownFile("Chinese.txt", "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465"),
            KnownFile("Czech.txt", "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7"),
            KnownFile("Dutch.txt", "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3"),
            KnownFile("English.txt", "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2"),
            KnownFile("French.txt", "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95"),
            KnownFile("German.txt", "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db"),
            KnownFile("Greek.txt", "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6"),
            KnownFile("Irish.txt", "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058"),
            KnownFile("Italian.txt", "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4"),
            KnownFile("Japanese.txt", "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f"),
            KnownFile("Korean.txt", "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136"),
            KnownFile("Polish.txt", "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826"),
            KnownFile("Portuguese.txt", "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53"),
            KnownFile("Russian.txt", "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c"),
            KnownFile("Scottish.txt", "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd"),
            KnownFile("Spanish.txt", "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7"),
            KnownFile("Vietnamese.txt", "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d"),
        ),
        hosts=("https://raw.githubusercontent.com/spro/practical-pytorch/master/data/names/",),
        origin="https://github.com/spro/practical-pytorch",
    ),
    KnownSet(
        name="mac_morpho",
        kind="tags",
        about="1,221,466 words of Brazilian news with their parts of speech",
        classes=(),
        licence="for research",
        citation="S. Aluisio et al.: An Account of the Challenge of Tagging a Reference Corpus "
        "for Brazilian Portuguese, PROPOR (2003)",
        files=(KnownFile("mac_morpho.zip", "1c6138beba28b9c71edfd4b54991c5e1cf36a4d6b0ad8c66f8aa27c57b07547b"),),
        hosts=("https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/corpora/",),
        origin="https://www.nltk.org/nltk_data/",
    ),
    KnownSet(
        name="japanese_vowels",
        kind="series",
        about="640 vowels of 9 speakers, 12 channels of 7 to 29 steps",
        classes=(),
        licence="CC BY 4.0",
        citation="M. Kudo et al.: Multidimensional curve classification using passing-through regions (1999)",
        files=(
            KnownFile("JapaneseVowels_TRAIN.ts", "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"),
            KnownFile("JapaneseVowels_TEST.ts", "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"),
        ),
        origin="https://timeseriesclassification.com/description.php?Dataset=JapaneseVowels",
    ),
    *(
        KnownSet(
            name=name.lower(),
            kind="series",
            about=about,
            classes=(),
            licence="for research (UCR/UEA archive)",
            citation="H. A. Dau et al.: The UCR Time Series Classification Archive (2018)",
            files=tuple(
                KnownFile(f"{name}/{name}_{part}.{'txt' if name == 'ECG200' else 'ts'}", sha256)
                for part, sha256 in zip(("TRAIN", "TEST"), sums, strict=True)
            ),
            shelf="ucr",
            origin=f"https://timeseriesclassification.com/description.php?Dataset={name}",
        )
        for name, about, sums in (
            (
                "GunPoint",
                "200 movements of a hand that draws a gun or points, 150 steps",
                (
                    "f842401779fd9800d247d8b33121a1a4643710a19b24917dbdd9a060ca8630d5",
                    "79332750788a6227b325b96bd0d70130c8eb707b9731f8d7dec62b7a7d36017e",
                ),
            ),
            (
                "ItalyPowerDemand",
                "1,096 days of power demand, winter or summer, 24 steps",
                (
                    "341269cb7e6cef96846b30e774580beec79addb93848ba360145219115a74b7c",
                    "26122451f87dd0387ef90b18bc8a86c041371b8a1c068004922b939971247144",
                ),
            ),
            (
                "ArrowHead",
                "211 outlines of arrowheads, 3 classes, 251 steps",
                (
                    "a83c470aaf611a5f5284377cce27a5fc9f6292bc3d110257b0fd4905ced5ee72",
                    "5417dab42626d41df5e435bb22458c2df40dfad4bcd3b59559bbe72e20e84904",
                ),
            ),
            (
                "BasicMotions",
                "80 motions of a watch's six sensors, 4 classes, 100 steps",
                (
                    "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
                    "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
                ),
            ),
            (
                "ECG200",
                "200 heartbeats, normal or ischemic, 96 steps",
                (
                    "ed96989ec5d5ba7d651b4a3e3e905a8e09931999ed25458914f21faac0f7b3ce",
                    "c665e09a1b1d2dedb37de7aef2a81866632e98f498460a0977f4d9bfebaffbb1",
                ),
            ),
        )
    ),
    *(
        KnownSet(
            name=name,
            kind="image",
            about=f"MNIST read pixel by pixel, 784 steps, {how}",
            classes=_DIGITS,
            licence="CC BY-SA 3.0",
            citation=_MNIST.citation + "; as a sequence: Q. Le, N. Jaitly, G. Hinton, arXiv 1504.00941",
            files=_MNIST.files,
            hosts=_MNIST.hosts,
            shelf="mnist",
            order=order,
        )
        for name, order, how in (("smnist", "pixels", "row after row"), ("psmnist", "permuted", "in one random order"))
    ),
    *(
        KnownSet(
            name=name, kind="probe", about=about, classes=(), licence="none needed: made by rule", citation=citation
        )
        for name, about, citation in (
            ("adding", "two of many numbers are marked; their sum is asked for at the end", _LSTM),
            ("copy", "ten symbols are to be said again after a long time of nothing", _LSTM),
            ("parity", "whether an odd number of bits was set so far, at every step", "Y. Bengio et al. (1994)"),
            ("mackey-glass", "a chaotic series, foretold 15 steps ahead", "M. Mackey, L. Glass, Science 197 (1977)"),
        )
    ),
    KnownSet(
        name="fsdd",
        kind="audio",
        about="3,000 spoken digits of 6 speakers, 8 kHz",
        classes=(),
        licence="CC BY-SA 4.0",
        citation="Z. Jackson et al.: Free Spoken Digit Dataset (2018)",
        folder="recordings",
        origin="https://github.com/Jakobovski/free-spoken-digit-dataset",
    ),
    KnownSet(
        name="fsdd-strings",
        kind="speech",
        about="2,500 strings of 1 to 7 digits, made of the recordings of fsdd",
        classes=(),
        licence="CC BY-SA 4.0",
        citation="Z. Jackson et al.: Free Spoken Digit Dataset (2018)",
        folder="recordings",
        shelf="fsdd",
        origin="https://github.com/Jakobovski/free-spoken-digit-dataset",
    ),
    KnownSet(
        name="nagoya",
        kind="video",
        about="2,520 thermal clips of 16 x 16 pixels, 7 actions of 9 people",
        classes=(),
        licence="CC BY-NC-SA 4.0",
        citation="T. Kawashima et al.: Action recognition from extremely low-resolution thermal image sequence, "
        "AVSS (2017)",
        files=(KnownFile("nagoya_fir_clips.npz", "a5ec6e1dbc2e0482d3d20a60551ce126401501f28bc013f79231f878ccc511b9"),),
        origin="https://github.com/muralab/Low-Resolution-FIR-Action-Dataset",
    ),
    KnownSet(
        name="jhmdb",
        kind="joints",
        about="609 sequences of 15 joints in the plane, 14 actions, 15 to 40 frames",
        classes=(),
        licence="MIT; the annotations for research",
        citation="H. Jhuang et al.: Towards understanding action recognition, ICCV (2013); "
        "as prepared by F. Yang et al., arXiv 1907.09658",
        files=(KnownFile("jhmdb_gt_split1.npz", "3e7f7d315f059d24910294dfa55384b401878b9d3024ad4cee361855e5fb9140"),),
        origin="https://github.com/fandulu/DD-Net",
        reading={"mirror": True},  # no class is a side: what one hand does is the same done with the other
    ),
    KnownSet(
        name="etth1",
        kind="forecast",
        about="oil temperature and six loads of an electricity transformer, 17,420 hours",
        classes=(),
        licence="CC BY-ND 4.0",
        citation="H. Zhou et al.: Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting, "
        "AAAI (2021)",
        files=(KnownFile("ETTh1.csv", "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),),
        hosts=("https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/",),
        origin="https://github.com/zhouhaoyi/ETDataset",
        reading={"horizon": 96},
        split=(8640, 2880, 2880),  # 12, 4 and 4 months of 30 days
    ),
    KnownSet(
        name="beijing_pm25",
        kind="forecast",
        about="fine dust in Beijing and the weather, 43,824 hours of 2010 to 2014, 2,067 of them without a value",
        classes=(),
        licence="CC BY 4.0",
        citation="S. Chen: Beijing PM2.5, UCI Machine Learning Repository (2015), doi 10.24432/C5JS49",
        files=(KnownFile("pollution.csv", "892e9559205d16d32623135c127a3951c12e46ea1e0b3093e107ce89a9fd60e2"),),
        hosts=("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",),
        origin="https://archive.ics.uci.edu/dataset/381/beijing+pm2+5+data",
        reading={"target": "pm2.5", "horizon": 24},
    ),
    KnownSet(
        name="sunspots",
        kind="forecast",
        about="sunspots of 2,820 months, 1749 to 1983",
        classes=(),
        licence="none stated (Time Series Data Library)",
        citation="R. Hyndman: Time Series Data Library; after SILSO, Royal Observatory of Belgium, Brussels",
        files=(KnownFile("monthly-sunspots.csv", "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3"),),
        hosts=("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",),
        origin="https://www.sidc.be/SILSO",
    ),
    KnownSet(
        name="co2",
        kind="forecast",
        about="carbon dioxide in the air of Mauna Loa, 2,284 weeks, 59 of them without a value",
        classes=(),
        licence="public domain",
        citation="C. D. Keeling, T. P. Whorf: Atmospheric CO2 concentrations derived from flask air samples (2004)",
        files=(KnownFile("co2.csv", "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f"),),
        hosts=("https://raw.githubusercontent.com/statsmodels/statsmodels/main/statsmodels/datasets/co2/",),
        origin="https://gml.noaa.gov/ccgg/trends",
    ),
    KnownSet(
        name="airline",
        kind="forecast",
        about="passengers of airlines in 144 months, 1949 to 1960",
        classes=(),
        licence="none stated (Time Series Data Library)",
        citation="G. Box, G. Jenkins: Time Series Analysis, Forecasting and Control (1976)",
        files=(
            KnownFile("airline-passengers.csv", "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621"),
        ),
        hosts=("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",),
        origin="https://github.com/jbrownlee/Datasets",
    ),
    KnownSet(
        name="min_temperatures",
        kind="forecast",
        about="the least temperature of 3,650 days in Melbourne, 1981 to 1990",
        classes=(),
        licence="none stated (Time Series Data Library; Australian Bureau of Meteorology)",
        citation="R. Hyndman: Time Series Data Library; after the Australian Bureau of Meteorology",
        files=(
            KnownFile("daily-min-temperatures.csv", "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da"),
        ),
        hosts=("https://raw.githubusercontent.com/jbrownlee/Datasets/master/",),
        origin="https://github.com/jbrownlee/Datasets",
    ),
    *(
        KnownSet(
            name=name,
            kind="video",
            about=f"the {word} of 999 spoken sentences, mouth only, 20 x 32 pixels",
            classes=(),
            licence="CC BY 4.0",
            citation=_COOKE,
            files=_MOUTHS,
            shelf="grid",
            origin="https://zenodo.org/records/3625687",
        )
        for name, word in (
            ("grid", "command"),
            ("grid-command", "command"),
            ("grid-colour", "colour"),
            ("grid-preposition", "preposition"),
            ("grid-letter", "letter"),
            ("grid-digit", "digit"),
            ("grid-adverb", "adverb"),
        )
    ),
    KnownSet(
        name="grid-sentences",
        kind="visual-speech",
        about="999 spoken sentences of six words, mouth only, 20 x 32 pixels, with the time of each word",
        classes=(),
        licence="CC BY 4.0",
        citation=_COOKE,
        files=_MOUTHS,
        shelf="grid",
        origin="https://zenodo.org/records/3625687",
    ),
)

KNOWN: dict[str, KnownSet] = {known.name: known for known in _SETS}
"""Every known set by its name."""
