# Two stages: wheels are installed where compilers may be, and only the result is carried over.
# docker build -t image-token-reasoning . && docker run -p 7860:7860 -v itr:/data image-token-reasoning

FROM python:3.12-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt .
# the CPU wheels of PyTorch are a tenth of the default ones, which bring CUDA along
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN /opt/venv/bin/pip install --extra-index-url "${TORCH_INDEX}" -r requirements.txt

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 teacher && install -d -o teacher /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY app.py ./
COPY assets assets
COPY model model
COPY webapp webapp
# compiled decoding steps are kept in a folder that the user may write
ENV PATH=/opt/venv/bin:$PATH \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONUNBUFFERED=1 \
    ITR_HOST=0.0.0.0 \
    ITR_PORT=7860 \
    ITR_BROWSER=0 \
    ITR_WORKSPACE=/data/workspace
USER teacher
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=4)"]
CMD ["python", "app.py"]
