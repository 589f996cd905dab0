// SPDX-License-Identifier: GPL-2.0
/*
 * A sound card around one codec driver, so that the driver's mixer controls can be listed and moved. No audio runs through it:
 * the other end of its link is the kernel's dummy.
 *
 *	modprobe bench_card codec=wm8960.1-001a dai=wm8960-hifi
 *
 * The codec's device must have its driver before; else there is no card, and ENODEV.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <sound/soc.h>

static char *codec, *dai, *id = "bench";
module_param(codec, charp, 0444);
module_param(dai, charp, 0444);
module_param(id, charp, 0444);

static struct snd_soc_dai_link_component codecs[1];
static struct snd_soc_dai_link link = {
	.name = "bench", .stream_name = "bench",
	.cpus = &snd_soc_dummy_dlc, .num_cpus = 1, .codecs = codecs, .num_codecs = 1,
	.dai_fmt = SND_SOC_DAIFMT_I2S | SND_SOC_DAIFMT_NB_NF | SND_SOC_DAIFMT_CBC_CFC,
};
static struct snd_soc_card card = { .owner = THIS_MODULE, .dai_link = &link, .num_links = 1 };
static struct platform_device *device;

static int __init bench_init(void)
{
	int error;

	if (!codec || !dai)
		return -EINVAL;
	device = platform_device_register_simple("bench-card", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	codecs[0].name = codec;
	codecs[0].dai_name = dai;
	card.name = id;
	card.dev = &device->dev;
	error = snd_soc_register_card(&card);
	if (error)
		platform_device_unregister(device);
	return error == -EPROBE_DEFER ? -ENODEV : error;
}

static void __exit bench_exit(void)
{
	snd_soc_unregister_card(&card);
	platform_device_unregister(device);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("sound card around one codec driver");
MODULE_LICENSE("GPL");
