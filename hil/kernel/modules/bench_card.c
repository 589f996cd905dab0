// SPDX-License-Identifier: GPL-2.0
/*
 * A sound card around one codec driver, so that the driver's mixer controls can be listed and moved, and its streams be opened,
 * set up and prepared. No audio runs through it: the other end of its link moves no data.
 *
 *	modprobe bench_card codec=wm8960.1-001a dai=wm8960-hifi 'routes="LINPUT1<MICB;RINPUT1<MICB"'
 *
 * The codec's device must have its driver before; else there is no card, and ENODEV. To have the card anew: unbind and bind
 * `bench-card` of the platform driver `bench-card`.
 *
 * What a machine driver would do is written to debugfs bench_card/do, calls with ';' between them, numbers as in C. The write
 * fails with the codec's error:
 *
 *	sysclk ID HZ DIRECTION		pll ID SOURCE HZ_IN HZ_OUT	clkdiv ID VALUE		fmt DAIFMT
 *	tdm TX RX SLOTS WIDTH		unwired 			force WIDGET
 *
 * `unwired` leaves all pins of the codec in the air, so that no path through it is whole and DAPM powers nothing; `force` powers
 * one widget whatever its paths.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <sound/soc.h>

#define MAX_ROUTES 16

static char *codec, *dai, *id = "bench", *routes;
module_param(codec, charp, 0444);
module_param(dai, charp, 0444);
module_param(id, charp, 0444);
module_param(routes, charp, 0444);

static struct snd_soc_dai_link_component cpu = { .name = "bench-card", .dai_name = "bench-cpu" };
static struct snd_soc_dai_link_component platform = { .name = "bench-card" };
static struct snd_soc_dai_link_component codecs[1];
static struct snd_soc_dai_link link = {
	.name = "bench", .stream_name = "bench",
	.cpus = &cpu, .num_cpus = 1, .platforms = &platform, .num_platforms = 1, .codecs = codecs, .num_codecs = 1,
	.dai_fmt = SND_SOC_DAIFMT_I2S | SND_SOC_DAIFMT_NB_NF | SND_SOC_DAIFMT_CBC_CFC,
};
static struct snd_soc_dapm_route wires[MAX_ROUTES];
static struct snd_soc_card card = { .owner = THIS_MODULE, .dai_link = &link, .num_links = 1, .dapm_routes = wires };
static struct platform_device *device;
static struct dentry *folder;
static int bind_error;

/* The kernel's own dummy sets no limits, and then no stream can be opened. */
static const struct snd_pcm_hardware limits = {
	.info = SNDRV_PCM_INFO_INTERLEAVED | SNDRV_PCM_INFO_BLOCK_TRANSFER,
	.buffer_bytes_max = 128 * 1024, .period_bytes_min = 64, .period_bytes_max = 64 * 1024, .periods_min = 2, .periods_max = 128,
};

static int far_end_open(struct snd_soc_component *component, struct snd_pcm_substream *substream)
{
	return snd_soc_set_runtime_hwparams(substream, &limits);
}

#define ANY_STREAM {										\
	.channels_min = 1, .channels_max = 8,							\
	.rates = SNDRV_PCM_RATE_CONTINUOUS, .rate_min = 5512, .rate_max = 192000,		\
	.formats = SNDRV_PCM_FMTBIT_S16_LE | SNDRV_PCM_FMTBIT_S20_3LE | SNDRV_PCM_FMTBIT_S24_LE | SNDRV_PCM_FMTBIT_S32_LE }
static struct snd_soc_dai_driver cpu_dai = { .name = "bench-cpu", .playback = ANY_STREAM, .capture = ANY_STREAM };
static const struct snd_soc_component_driver far_end = { .name = "bench-far-end", .open = far_end_open };

static int unwire(void)
{
	struct snd_soc_dapm_widget *w;

	for_each_card_widgets((&card), w)
		switch (w->id) {
		case snd_soc_dapm_input:
		case snd_soc_dapm_output:
		case snd_soc_dapm_siggen:
			snd_soc_dapm_disable_pin(w->dapm, w->name);
			break;
		default:
			break;
		}
	return snd_soc_dapm_sync(&card.dapm);
}

static int force(const char *name)
{
	struct snd_soc_dapm_widget *w;

	for_each_card_widgets((&card), w)
		if (!strcmp(w->name, name))
			return snd_soc_dapm_force_enable_pin(w->dapm, name) ?: snd_soc_dapm_sync(&card.dapm);
	return -ENOENT;
}

static int do_one(struct snd_soc_dai *d, const char *call)
{
	char name[16];
	int a[4] = {};

	if (sscanf(call, " %15s %i %i %i %i", name, &a[0], &a[1], &a[2], &a[3]) < 1)
		return 0;
	if (!strcmp(name, "sysclk"))
		return snd_soc_dai_set_sysclk(d, a[0], a[1], a[2]);
	if (!strcmp(name, "pll"))
		return snd_soc_dai_set_pll(d, a[0], a[1], a[2], a[3]);
	if (!strcmp(name, "clkdiv"))
		return snd_soc_dai_set_clkdiv(d, a[0], a[1]);
	if (!strcmp(name, "fmt"))
		return snd_soc_dai_set_fmt(d, a[0]);
	if (!strcmp(name, "tdm"))
		return snd_soc_dai_set_tdm_slot(d, a[0], a[1], a[2], a[3]);
	if (!strcmp(name, "unwired"))
		return unwire();
	if (!strcmp(name, "force"))
		return force(strim(strstr(call, "force") + strlen("force")));
	return -ENOSYS;
}

static ssize_t do_write(struct file *file, const char __user *from, size_t count, loff_t *at)
{
	struct snd_soc_pcm_runtime *runtime = snd_soc_get_pcm_runtime(&card, &link);
	char *text, *rest, *call;
	int error = 0;

	if (!runtime)
		return -ENODEV;
	rest = text = memdup_user_nul(from, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	while (!error && (call = strsep(&rest, ";\n")))
		error = do_one(snd_soc_rtd_to_codec(runtime, 0), call);
	kfree(text);
	return error ?: count;
}

static const struct file_operations do_file = { .owner = THIS_MODULE, .open = simple_open, .write = do_write };

static int card_bind(struct platform_device *to)
{
	card.dev = &to->dev;
	bind_error = devm_snd_soc_register_component(&to->dev, &far_end, &cpu_dai, 1);
	if (!bind_error)
		bind_error = snd_soc_register_card(&card);
	if (bind_error == -EPROBE_DEFER)
		bind_error = -ENODEV;
	return bind_error;
}

static void card_unbind(struct platform_device *from)
{
	snd_soc_unregister_card(&card);
}

static struct platform_driver driver = {
	.driver = { .name = "bench-card" }, .probe = card_bind, .remove_new = card_unbind,
};

static void wire_up(void)
{
	char *rest = routes, *wire;

	while (rest && card.num_dapm_routes < MAX_ROUTES && (wire = strsep(&rest, ";"))) {
		wires[card.num_dapm_routes].sink = strsep(&wire, "<");
		wires[card.num_dapm_routes++].source = wire;
	}
}

static int __init bench_init(void)
{
	int error;

	if (!codec || !dai)
		return -EINVAL;
	wire_up();
	codecs[0].name = codec;
	codecs[0].dai_name = dai;
	card.name = id;
	error = __platform_driver_register(&driver, NULL);	/* without owner: the card must not hold its own module */
	if (error)
		return error;
	device = platform_device_register_simple("bench-card", PLATFORM_DEVID_NONE, NULL, 0);
	error = PTR_ERR_OR_ZERO(device);
	if (!error && bind_error) {
		platform_device_unregister(device);
		error = bind_error;
	}
	if (error) {
		platform_driver_unregister(&driver);
		return error;
	}
	folder = debugfs_create_dir("bench_card", NULL);
	debugfs_create_file("do", 0200, folder, NULL, &do_file);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove_recursive(folder);
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("sound card around one codec driver");
MODULE_LICENSE("GPL");
