"""Carriers of China. YunExpress by tracking_number_data (MIT).

No other has published a form: theirs are from memory, not verified, and offered last. Those of digits only would fit
half of all numbers, so they are offered only where a site or a caller names the carrier. China Post abroad is S10.
"""

from tracker.domain.ids.scheme import Scheme

SCHEMES = (
    Scheme(
        name="yunexpress", carrier="yunexpress", lengths=[18], shape=r"YT\d{16}",
        says="YunExpress: YT, 16 digits", marked=True,
    ),
    Scheme(
        name="sf", carrier="sf_express", lengths=[14, 15], shape=r"SF\d{12,13}",
        says="SF Express: SF, 12 or 13 digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="yto", carrier="yto", lengths=[15], shape=r"YT\d{13}",
        says="YTO Express: YT, 13 digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="jt", carrier="jt_express", lengths=[15], shape=r"JT\d{13}",
        says="J&T Express: JT, 13 digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="jd", carrier="jd_logistics", lengths=range(13, 18), shape=r"JD[A-Z0-9]{2}\d{9,13}",
        says="JD Logistics: JD, then letters and digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="cainiao", carrier="cainiao", lengths=[16], shape=r"LP\d{14}",
        says="Cainiao: LP, 14 digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="4px", carrier="4px", lengths=[18], shape=r"4PX\d{13}CN",
        says="4PX: 4PX, 13 digits, CN; not verified", marked=True, last=True,
    ),
    Scheme(
        name="deppon", carrier="deppon", lengths=[15], shape=r"DPK\d{12}",
        says="Deppon: DPK, 12 digits; not verified", marked=True, last=True,
    ),
    Scheme(
        name="zto", carrier="zto", lengths=range(12, 15), shape=r"\d{12,14}",
        says="ZTO Express: 12 to 14 digits; not verified", last=True, only_named=True,
    ),
    Scheme(
        name="sto", carrier="sto", lengths=range(12, 16), shape=r"\d{12,15}",
        says="STO Express: 12 to 15 digits; not verified", last=True, only_named=True,
    ),
    Scheme(
        name="yunda", carrier="yunda", lengths=[13, 15], shape=r"\d{13}(?:\d{2})?",
        says="Yunda: 13 or 15 digits; not verified", last=True, only_named=True,
    ),
    Scheme(
        name="ems_china", carrier="post_cn", lengths=[13], shape=r"[19]\d{12}",
        says="China Post inside the country: 13 digits; not verified", last=True, only_named=True,
    ),
)  # fmt: skip
